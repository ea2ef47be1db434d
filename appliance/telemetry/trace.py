"""The one choke point where messages are watched: every message received or sent, and what was decided.

Nothing is kept and nothing is formatted while nobody watches: callers ask ``tracer.active``, one attribute,
first. Who watches gets entries through a callback that may only store them (see ``Mailbox``): a slow reader
loses messages, and never holds up a call. How an entry looks is ``trace_format``'s business. Must not know
gevent, sockets or terminals.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Sequence
from time import time
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import unquote

from appliance.sip.hop import Hop

_START = re.compile(
    r"(?:SIP/2\.0 +(?P<code>\d{3})(?: +(?P<reason>[^\r\n]*))?|(?P<method>[^\s/:]+) +(?P<uri>\S+) +SIP/)"
)
_CSEQ = re.compile(r"^CSeq[ \t]*:\s*\d+\s+(\S+)", re.IGNORECASE | re.MULTILINE)
_NUMBER, _SEPARATORS = re.compile(r"\+?[\d ()./-]*\d"), re.compile(r"[ ()./-]")
#: Of who watches a user, so many calls are followed at a time.
_CALLS_FOLLOWED = 1000
_CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_PARTIES = re.compile(
    r"^(?:From|f|To|t)[ \t]*:[^\r\n]*?<?((?:sips?|tel):[^\s>;,]+)", re.IGNORECASE | re.MULTILINE
)


class Entry(NamedTuple):
    """One thing that happened. Its fields are plain: ``_asdict()`` is JSON, ``Entry(**…)`` reads it."""

    time: float  # seconds since the epoch
    kind: Literal["received", "sent", "note"]
    headline: str  # `REGISTER`, `401 (Unauthorized) concerning REGISTER`, or a note's words
    text: str  # the message as it was on the wire, or nothing
    method: str  # of the request, or of the request that a reply answers; "" when it cannot be read
    users: list[str]  # user@host of From, To and Request-URI
    peer: str  # transport:host:port of the other side
    local: str  # and of ours
    colour: str  # the background of a message (green, cyan), the ink of a note (red)
    worker: int
    pid: int
    call_id: str = ""


class Message(Protocol):
    """What a note is about: anything that can be written as it was on the wire."""

    def encode(self) -> bytes: ...


class Filter(NamedTuple):
    """Which entries are wanted: those of a user or number (``10``, ``10@example.org``, a SIP URI, ``+49 (89)
    1234``), of a method and of a call, by its Call-ID.

    A reply belongs to the method that it answers, and an ACK or CANCEL to the INVITE whose way it goes.
    """

    user: str | None = None
    method: str | None = None
    call_id: str | None = None

    def lets_through(self, entry: Entry) -> bool:
        """Whether ``entry`` is wanted."""
        if self.call_id and entry.call_id != self.call_id:
            return False
        if self.method:
            wanted = self.method.upper()
            if entry.method != wanted and not (wanted == "INVITE" and entry.method in ("ACK", "CANCEL")):
                return False
        if not self.user:
            return True
        wanted_user = _plain(
            self.user.removeprefix("sips:").removeprefix("sip:").removeprefix("tel:").lower()
        )
        for address in entry.users:
            name, _, host = address.lower().rpartition("@")
            if wanted_user in (name, _plain(name), f"{name}@{host}"):
                return True
        return False


class Mailbox:
    """A bounded place for entries between the server, which never waits, and a reader, who may."""

    def __init__(self, limit: int = 1000, wake: Callable[[], object] = lambda: None) -> None:
        self.dropped = 0  # since the last take
        self.limit = limit
        self._wake = wake
        self._entries: deque[Entry] = deque()

    def put(self, entry: Entry) -> bool:
        """Store it, or count it as dropped when the reader is behind by ``limit``."""
        if len(self._entries) >= self.limit:
            self.dropped += 1
            return False
        self._entries.append(entry)
        self._wake()
        return True

    def take(self) -> list[Entry]:
        """What has come since; a last note says how many are missing, if any."""
        entries: list[Entry] = []
        while self._entries and len(entries) < self.limit:  # one by one: more may come from another thread
            entries.append(self._entries.popleft())
        dropped, self.dropped = self.dropped, 0
        if dropped and entries:
            words = f"{dropped} more are not shown, because they came faster than they could be"
            last = entries[-1]
            entries.append(
                last._replace(kind="note", headline=words, text="", colour="yellow", peer="", local="")
            )
        return entries


class Subscription:
    """Somebody who watches; ``close`` when done.

    Who watches a user sees the whole of each call in which he appears: under another name too, as when a
    number, an alias or a forwarding leads to him.
    """

    def __init__(self, tracer: Tracer, wanted: Filter, callback: Callable[[Entry], Any]) -> None:
        self.wanted = wanted
        self.callback = callback
        self._tracer = tracer
        self._of_anybody = wanted._replace(user=None)
        self._calls: dict[str, None] = {}  # by Call-ID, those that began first at first

    def wants(self, entry: Entry) -> bool:
        """Whether ``entry`` is to be shown."""
        wanted = self.wanted
        if not wanted.user:
            return wanted.lets_through(entry)
        if entry.call_id in self._calls:
            return self._of_anybody.lets_through(entry)
        if not wanted.lets_through(entry):
            return False
        if entry.call_id:
            self._calls[entry.call_id] = None
            if len(self._calls) > _CALLS_FOLLOWED:
                del self._calls[next(iter(self._calls))]
        return True

    def close(self) -> None:
        """Watch no longer; may be called twice."""
        self._tracer.unsubscribe(self)


class Tracer:
    """Hands what happens to those who watch. ``active`` is false while nobody does: ask it first.

    ``explains``: also what was decided about each message is told, beside the few words that OpenSER's script
    wrote into its log.
    """

    def __init__(self, worker: int = 0, listeners: Sequence[str] = (), *, explains: bool = True) -> None:
        self.active = self.explaining = False
        self._explains = explains
        self.dropped = 0
        self._worker = worker
        self._listeners = listeners
        self._pid = os.getpid()
        self._subscriptions: tuple[Subscription, ...] = ()

    def subscribe(self, wanted: Filter, callback: Callable[[Entry], Any]) -> Subscription:
        """``callback(entry)`` for each entry that ``wanted`` lets through, at once and where the message is
        handled: it must store the entry and return. When it returns False, one more counts as dropped.
        """
        subscription = Subscription(self, wanted, callback)
        self._subscriptions = (*self._subscriptions, subscription)
        self.active, self.explaining = True, self._explains
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End of what ``subscribe`` began."""
        self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
        self.active = bool(self._subscriptions)
        self.explaining = self.active and self._explains

    def message(
        self,
        kind: Literal["received", "sent"],
        data: bytes,
        hop: Hop,
        local: str = "",
        now_wall: float | None = None,
    ) -> None:
        """A message was ``received`` from ``hop`` or ``sent`` to it; ``local`` is our own address,
        that of the hop's listener when it is not given.
        """
        if not self.active:
            return
        text = data.decode("utf-8", "surrogateescape")
        headline, method, users, call_id, is_reply = _subject(text)
        self._hand_out(
            Entry(
                time=time() if now_wall is None else now_wall,
                kind=kind,
                headline=headline,
                text=text,
                method=method,
                users=users,
                peer=str(hop),
                local=local or self._local(hop),
                colour="cyan" if is_reply else "green",
                worker=self._worker,
                pid=self._pid,
                call_id=call_id,
            )
        )

    def note(
        self, words: str, colour: str = "", request: Message | None = None, now_wall: float | None = None
    ) -> None:
        """What was decided between two messages (`User is not found`), about ``request`` if there is one."""
        if not self.active:
            return
        text = request.encode().decode("utf-8", "surrogateescape") if request is not None else ""
        _, method, users, call_id, _ = _subject(text)
        when = time() if now_wall is None else now_wall
        worker, pid = self._worker, self._pid
        self._hand_out(Entry(when, "note", words, "", method, users, "", "", colour, worker, pid, call_id))

    def _local(self, hop: Hop) -> str:
        return self._listeners[hop.listener] if 0 <= hop.listener < len(self._listeners) else ""

    def _hand_out(self, entry: Entry) -> None:
        for subscription in self._subscriptions:
            if subscription.wants(entry) and subscription.callback(entry) is False:
                self.dropped += 1


def _subject(text: str) -> tuple[str, str, list[str], str, bool]:
    """Headline, method, users, Call-ID, and whether it is a reply, as far as a message can be read: a trace
    shows broken ones too, so this looks for lines and does not parse.
    """
    head = text.lstrip("\r\n").partition("\r\n\r\n")[0]
    if len(text) <= 4 and not text.strip("\r\n\0"):
        return "a keep-alive", "", [], "", False
    start = _START.match(head)
    cseq = _CSEQ.search(head)
    method = cseq.group(1) if cseq else ""
    uris = _PARTIES.findall(head)
    call = _CALL_ID.search(head)
    call_id = call.group(1) if call else ""
    if start is None:
        return "a message that cannot be read", method, [], call_id, False
    if start["code"]:
        headline = (
            f"{start['code']} ({(start['reason'] or '').strip()}) concerning {method or 'an unknown method'}"
        )
        return headline, method, _users(uris), call_id, True
    return start["method"], start["method"], _users([start["uri"], *uris]), call_id, False


def _plain(name: str) -> str:
    """A number without what makes it easier to read; any other name as it is."""
    return _SEPARATORS.sub("", name) if _NUMBER.fullmatch(name) else name


def _users(uris: list[str]) -> list[str]:
    users = []
    for uri in uris:
        scheme, _, rest = uri.partition(":")
        user, at, host = rest.partition(";")[0].partition("?")[0].rpartition("@")
        if at or scheme.lower() == "tel":
            name = unquote((user if at else host).partition(":")[0])
            address = f"{name}@{_without_port(host) if at else ''}"
            if address not in users:
                users.append(address)
    return users


def _without_port(host: str) -> str:
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
