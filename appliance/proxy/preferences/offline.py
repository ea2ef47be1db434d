"""Messages for users who are away (OpenSER's msilo): a MESSAGE of somebody known is kept, answered with 202
(RFC 3428 §7), and sent when the user registers the next time, in the order in which they came.

How many wait for one user is bounded, and each waits only so long. A stranger's is never kept, nor one for
somebody who is no user of ours: neither may fill our disk. Must not know rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Protocol

from appliance.errors import MalformedMessage, StorageError
from appliance.proxy.authentication import CredentialsSource
from appliance.proxy.domains import Domains
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.incoming import Incoming
from appliance.proxy.locating import Unroutable
from appliance.proxy.replies import Answer
from appliance.registrar.offline import LONGEST_ADDRESS, LONGEST_TYPE, OfflineMessage
from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.sip.uri import AddressOfRecord, Uri
from appliance.transaction.table import ClientTransaction

KEPT = Answer(202, "Accepted")
# All workers know of a message by then.
_LOOKS_AGAIN_SECONDS = 2.0
# Nobody sends what we send ourselves.
_NOBODY = Hop("udp", "0.0.0.0", 0, -1)  # noqa: S104 - no listener: it is no address that anybody listens at


class MessageStore(Protocol):
    """Who keeps messages; all but ``waits_for`` may block, and raise StorageError."""

    def waits_for(self, aor: AddressOfRecord) -> bool: ...
    def keep(self, aor: AddressOfRecord, message: OfflineMessage, most: int) -> bool: ...
    def claim(self, aor: AddressOfRecord, now: int, after: int = 0) -> OfflineMessage | None: ...
    def delivered(self, aor: AddressOfRecord, number: int) -> None: ...
    def released(self, number: int) -> None: ...


class OfflineMessages:
    """Keeps and delivers. ``most`` wait for one user, each for ``seconds``; ``wall`` is UTC seconds."""

    def __init__(
        self,
        store: MessageStore,
        users: CredentialsSource,
        domains: Domains,
        around: Surroundings,
        most: int,
        seconds: int,
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._users = users
        self._domains = domains
        self.around = around
        self._most = most
        self._seconds = seconds
        self._wall = wall
        self._under_way: set[AddressOfRecord] = set()

    def keep(self, incoming: Incoming, callee: AddressOfRecord) -> bool:
        """Whether the request is a message that waits for the callee from now on. May block."""
        request = incoming.request
        if request.method != "MESSAGE" or request.to_tag is not None:
            return False
        if incoming.verified is None and incoming.peer is None:
            return False
        try:
            message = self._message(request)
            realm = self._domains.realm(callee.domain) or callee.domain
            if message is None or self._users.find(callee.username, callee.domain, realm) is None:
                return False
            kept = self._store.keep(callee, message, self._most)
        except (MalformedMessage, StorageError):
            return False
        self.around.metrics.offline_messages["kept" if kept else "refused"] += 1
        if kept:
            around = self.around
            around.transactions.wheel.schedule(
                around.clock() + _LOOKS_AGAIN_SECONDS, partial(self._looks_again, callee)
            )
        return kept

    def _looks_again(self, aor: AddressOfRecord, now: float) -> None:
        self.around.defer(self.come_late, aor)

    def come_late(self, aor: AddressOfRecord) -> None:
        """He may have registered while the message was written down, or at another worker, which learns of it
        from the change log. May block."""
        try:
            there = self.around.targets.lookup(aor)
        except StorageError:
            return
        if there:
            self.registered(aor)

    def registered(self, aor: AddressOfRecord) -> None:
        """The user may be there again: what waits for him is sent soon."""
        if self._store.waits_for(aor) and aor not in self._under_way:
            self._under_way.add(aor)
            self.around.defer(self.send_next, aor)

    def send_next(self, aor: AddressOfRecord, after: int = 0) -> None:
        """Sends the oldest message whose number is beyond ``after``, if nobody else does; the next one
        follows when his phone has said something to it."""
        sent = False
        try:
            while (message := self._store.claim(aor, int(self._wall()), after)) is not None:
                try:
                    self._send(aor, message)
                    sent = True
                    return
                except MalformedMessage:  # what somebody has written into the row
                    self._stays(message)
                    after = message.number
                except (Unroutable, StorageError):
                    self._stays(message)
                    return
        except StorageError:
            return
        finally:
            if not sent:
                self._under_way.discard(aor)

    def arrived(self, aor: AddressOfRecord, message: OfflineMessage) -> None:
        """His phone has taken it. May block."""
        self.around.metrics.offline_messages["delivered"] += 1
        try:
            self._store.delivered(aor, message.number)
        except StorageError:
            self._under_way.discard(aor)  # it comes a second time, which is better than never
            return
        self.send_next(aor, message.number)

    def refused(self, aor: AddressOfRecord, message: OfflineMessage) -> None:
        """His phone does not want this one, but perhaps those behind it. May block."""
        self._stays(message)
        self.send_next(aor, message.number)

    def unanswered(self, aor: AddressOfRecord, message: OfflineMessage) -> None:
        """His phone says nothing: all that is left waits for the next time. May block."""
        self._stays(message)
        self._under_way.discard(aor)

    def _stays(self, message: OfflineMessage) -> None:
        self.around.metrics.offline_messages["failed"] += 1
        try:
            self._store.released(message.number)
        except StorageError:
            return  # the claim is over in a minute

    def _message(self, request: Request) -> OfflineMessage | None:
        source, destination = request.from_.uri_text, request.to.uri_text
        content_type = request.first("content-type") or "text/plain"
        if max(len(source), len(destination)) > LONGEST_ADDRESS or len(content_type) > LONGEST_TYPE:
            return None
        wanted = request.number("expires", 0xFFFFFFFF)
        if wanted == 0:
            return None  # now or never
        now = int(self._wall())
        lasts = self._seconds if wanted is None else min(wanted, self._seconds)
        return OfflineMessage(source, destination, content_type, request.body, now, now + lasts)

    def _send(self, aor: AddressOfRecord, message: OfflineMessage) -> None:
        around = self.around
        targets = around.targets.lookup(aor)
        if not targets:
            raise Unroutable(f"{aor} has gone again")
        source, destination = Uri.parse(message.source).text, Uri.parse(message.destination).text
        if not message.content_type.isprintable():
            raise MalformedMessage("a Content-Type that is none")
        mark = secrets.token_hex(8)
        headers = (
            ("Via", f"SIP/2.0/UDP offline.invalid;branch=z9hG4bK{mark}"),
            ("Max-Forwards", "70"),
            ("From", f"<{source}>;tag={mark}"),
            ("To", f"<{destination}>"),
            ("Call-ID", f"{mark}.offline"),
            ("CSeq", "1 MESSAGE"),
            ("Date", formatdate(message.came, usegmt=True)),
            ("Content-Type", message.content_type),
        )
        request = Request.create("MESSAGE", f"sip:{aor}", headers, message.body)
        incoming = Incoming(request, _NOBODY, around.clock(), around.answers, around.clock)
        # By the same way as all others, so that the guard sees it too.
        outgoing = around.forwarder.prepare(incoming, targets[0], 0)
        via = outgoing.request.items("via")[0]
        outgoing.request.remove("via")
        outgoing.request.prepend("Via", via)
        around.transactions.begin_client(
            outgoing.request,
            outgoing.request.encode(),
            outgoing.hop,
            _Delivery(self, aor, message),
            around.clock(),
        )
        around.metrics.requests_forwarded["MESSAGE", outgoing.hop.transport] += 1


class _Delivery:
    """Waits for what the phone says to one message."""

    def __init__(self, messages: OfflineMessages, aor: AddressOfRecord, message: OfflineMessage) -> None:
        self._messages = messages
        self._aor = aor
        self._message = message

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        messages = self._messages
        then = messages.arrived if response.status < 300 else messages.refused
        messages.around.defer(then, self._aor, self._message)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._messages.around.defer(self._messages.unanswered, self._aor, self._message)

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self._messages.around.defer(self._messages.unanswered, self._aor, self._message)

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        """What it knows has been told."""
