"""Our Via branches: computed, so that they can be computed again (RFC 3261 §8.1.1.7, §16.6 step 8, §16.11).

A branch is a MAC over where the request came from, so any worker, and the process after a restart, gives
the CANCEL of an INVITE and the ACK of its refusal the branch that the INVITE had, and knows a response to
what it has sent although the transaction is gone. The layout::

    z9hG4bK sb 0 . 5f1c09a3e2 . 91ab40c7be2d55f003c6e817
    |       |  |   |            +-- MAC: incoming branch, sent-by, received, rport, Call-ID, number, loop mark
    |       |  |   +--------------- loop mark: MAC of what decides the way (Request-URI, Route)
    |       |  +------------------- number of the copy, hexadecimal: of a forked request each has another,
    |       |                       made from where it goes (``targets.numbered``). Where there are several
    |       |                       workers, what is above its 16 bits is the worker that sent it.
    |       +---------------------- made by this program
    +------------------------------ magic cookie of RFC 3261

Where the incoming branch has no magic cookie, as from clients of RFC 2543, the CSeq number and the From
tag stand in the MAC too; the Request-URI is there by way of the loop mark, which a response repeats to us
within the branch. The address that the request came from (received, rport) is in the MAC because a
response is sent there: nobody can point a branch that he has seen at somebody else.

Must not know sockets, transactions or targets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Container, Iterable

from appliance.errors import MalformedMessage
from appliance.sip.headers import Via
from appliance.sip.message import Message, Request

_COOKIE = "z9hG4bK"
_PREFIX = "z9hG4bKsb"
_SELF_LOOPED = "self-looped"
# The number of a copy has so many bits; the worker's stands above them.
_WORKER_SHIFT = 16
_COPIES = 1 << _WORKER_SHIFT
# A response's branch of ours stands near its beginning, in the topmost Via.
_OURS = re.compile(rb"z9hG4bKsb([0-9a-f]{5,6})\.")
_LOOKED_AT = 2048


class Branches:
    """Makes branches and knows them again; ``key``, 16 to 64 secret bytes, is the same in all workers.

    ``worker`` is the number of the worker that sends, 0 where there is only one.
    """

    def __init__(self, key: bytes, worker: int = 0) -> None:
        self._worker = worker << _WORKER_SHIFT
        # BLAKE2 with a key is a MAC by itself (RFC 7693 §2.9). The states are copied: half the cost of
        # new ones.
        self._mac = hashlib.blake2b(key=key, digest_size=12, person=b"via-branch")
        self._mark = hashlib.blake2b(key=key, digest_size=5, person=b"loop-mark")

    def make(self, request: Request, number: int, mark: str | None = None) -> str:
        """The branch of copy ``number`` of ``request``, whose topmost Via is still the one that it came with.

        The same for its CANCEL and for the ACK of its refusal. ``mark`` is the loop mark, taken when the
        request came; without it, it is taken now. A number that names a worker already keeps it.
        """
        if mark is None:
            mark = self.mark(request)
        if number < _COPIES:
            number |= self._worker
        return self._branch(request, request.via, f"{number:x}", mark)

    def mark_of(self, uri_text: str, routes: Iterable[str] | None) -> str:
        """The loop mark of a request with this Request-URI and these Route values."""
        text = uri_text if routes is None else "\n".join((uri_text, *routes))
        digest = self._mark.copy()
        digest.update(text.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def mark(self, request: Request) -> str:
        """The loop mark (§16.6 step 8): equal for two requests that will go the same way.

        CANCEL and ACK repeat Request-URI and Route of their INVITE (§9.1, §17.1.1.3), and so its mark;
        nothing else that they have in common has a part in routing.
        """
        return self.mark_of(request.uri_text, request.items("route") if request.has("route") else None)

    def is_loop(self, request: Request, sent_by: Container[tuple[str, int]] | None = None) -> bool:
        """Whether ``request``, as it came, has been here and would go the same way again (§16.3 step 4): 482.

        One that comes back with another Request-URI or Route is a spiral, and no loop (RFC 5393 §4.2.2).
        One that we have sent to ourselves, as its P-hint says, has been here once for that reason.
        ``sent_by`` are our own addresses in Via; without it every Via made with our key counts, another
        node's too. Raises MalformedMessage when one of our Vias cannot be read.
        """
        lines = zip(request.keys, request.lines, strict=True)
        if not any(key == "via" and _PREFIX in line for key, line in lines):
            return False
        mark = self.mark(request)
        visits = 0
        for item in request.items("via"):
            if _PREFIX in item:
                via = Via.parse(item)
                parts = _parts(via.branch)
                if parts is not None and parts[1] == mark and (sent_by is None or via.sent_by in sent_by):
                    visits += 1
        expected = 1 if any(hint.lower() == _SELF_LOOPED for hint in request.all("p-hint")) else 0
        return visits > expected

    def verify(self, response: Message) -> bool:
        """Whether we have sent the request that this answers, or this very request: its topmost Via is ours,
        for the next one."""
        try:
            branch = response.via.branch
            parts = _parts(branch)
            if branch is None or parts is None:
                return False
            vias = response.items("via")
            if len(vias) < 2:
                return False
            expected = self._branch(response, Via.parse(vias[1]), *parts)
        except MalformedMessage:
            return False
        # Number and mark are as they came, so both texts may hold bytes that are no UTF-8.
        return hmac.compare_digest(
            expected.encode("utf-8", "surrogateescape"), branch.encode("utf-8", "surrogateescape")
        )

    def _branch(self, message: Message, origin: Via, number: str, mark: str) -> str:
        """The branch for a message that came to us with ``origin`` on top."""
        branch = received = rport = None
        for name, value in origin.params:
            if name == "branch":
                branch = value
            elif name == "received":
                received = value
            elif name == "rport":
                rport = value
        source = f"{origin.host}\n{origin.port}\n{received}\n{rport}"
        text = f"{branch}\n{source}\n{message.call_id}\n{number}\n{mark}"
        if branch is None or not branch.startswith(_COOKIE):
            text = f"{text}\n{message.cseq.number}\n{message.from_tag}"
        digest = self._mac.copy()
        digest.update(text.encode("utf-8", "surrogateescape"))
        return f"{_PREFIX}{number}.{mark}.{digest.hexdigest()}"


def parts_of(branch: str | None) -> tuple[int, str] | None:
    """The number of the copy, with the worker in it, and the loop mark of a branch that was verified."""
    parts = _parts(branch)
    return None if parts is None else (int(parts[0], 16), parts[1])


def copy_of(number: int) -> int:
    """The number of the copy alone."""
    return number & (_COPIES - 1)


def same_worker(number: int, like: int) -> int:
    """The number of another copy that the worker of ``like`` has sent."""
    return like & ~(_COPIES - 1) | number


def worker_in(response: bytes) -> int:
    """The worker that has sent the request of this response, as its text says; 0 when it says none.

    Nobody has to believe it: whoever is given the response looks whether that is true.
    """
    found = _OURS.search(response, 0, _LOOKED_AT)
    return int(found[1], 16) >> _WORKER_SHIFT if found else 0


def _parts(branch: str | None) -> tuple[str, str] | None:
    """Number and loop mark of a branch that looks like one of ours."""
    if branch is None or not branch.startswith(_PREFIX):
        return None
    parts = branch[len(_PREFIX) :].split(".")
    return (parts[0], parts[1]) if len(parts) == 3 else None
