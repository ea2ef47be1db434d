"""The answers to a request of our own are told to whoever asked (RFC 3261 §8.1.3, §12.1.2, §13.2.2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
from gevent.queue import Empty, Queue

from appliance.errors import MalformedMessage
from appliance.operations.box import Box
from appliance.operations.departure import prepare
from appliance.proxy.locating import Unroutable
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request, Response
from appliance.sip.reply import REASONS
from appliance.transaction.table import ClientTransaction, InviteClientTransaction

RING_SECONDS = 180.0

Told = dict[str, Any]


class Answers:
    """The transaction user (RFC 3261 §17): passes answers on to whoever asked, and acknowledges a 2xx."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._queue: Queue[Told] = Queue()

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self._queue.put(_told(response))
        if isinstance(transaction, InviteClientTransaction) and 200 <= response.status < 300:
            # A copy of the 2xx comes until the ACK arrives, so each is acknowledged, not only the first.
            gevent.spawn(self._acknowledge, response)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._queue.put(own_answer(408))

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self._queue.put(own_answer(503))

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        """What it knows has been told."""

    def told(self, transaction: ClientTransaction) -> Iterator[Told]:
        """The answers up to the final one. Whoever stops listening to an INVITE cancels it."""
        final = False
        try:
            while not final:
                try:
                    answer = self._queue.get(timeout=RING_SECONDS)
                except Empty:
                    answer = own_answer(408)
                final = answer["status"] >= 200
                if final and answer["headers"] is None:
                    self._give_up(transaction)
                yield answer
        finally:
            if not final:
                self._give_up(transaction)

    def _give_up(self, transaction: ClientTransaction) -> None:
        if isinstance(transaction, InviteClientTransaction):
            self._box.transactions.cancel(transaction, self._box.clock())

    def _acknowledge(self, response: Response) -> None:
        """The ACK of a 2xx: a transaction of its own, to the callee's own contact (§13.2.2.4)."""
        box = self._box
        target, routes = _dialog(response)
        identity: list[tuple[str, str]] = [
            ("Max-Forwards", "70"),
            ("From", response.first("from") or ""),
            ("To", response.first("to") or ""),
            ("Call-ID", response.call_id),
            ("CSeq", f"{response.cseq.number} ACK"),
        ]
        ack = Request.create("ACK", target or "", [*(("Route", route) for route in routes), *identity])
        try:
            hop = prepare(box, ack, box.next_hop(ack))
            box.transactions.send(ack.encode(), hop)
        except (OSError, Unroutable, MalformedMessage):
            return  # the 2xx comes again, and with it another chance


def own_answer(status: int, reason: str | None = None) -> Told:
    """An answer that nobody sent: ours."""
    reason = reason or REASONS.get(status, "Unknown")
    return _answer(status, reason, None, (), None)


def _told(response: Response) -> Told:
    target: str | None = None
    routes: tuple[str, ...] = ()
    if 200 <= response.status < 300:
        target, routes = _dialog(response)
    text = response.encode().decode("utf-8", "surrogateescape")
    return _answer(response.status, response.reason, target, routes, text.partition("\r\n")[2])


def _answer(
    status: int, reason: str, target: str | None, routes: tuple[str, ...], headers: str | None
) -> Told:
    first = NameAddr.parse(routes[0]).uri_text if routes else target
    return {
        "status": status,
        "reason": reason,
        "request_uri": target,
        "next_hop": first,
        "route_set": f"Route: {', '.join(routes)}" if routes else None,
        "headers": headers,
    }


def _dialog(response: Response) -> tuple[str | None, tuple[str, ...]]:
    """Remote target and route set of the dialog that a 2xx makes, as its caller has them (§12.1.2)."""
    try:
        contacts = response.items("contact")
        routes = tuple(reversed(response.items("record-route")))
        for route in routes:
            NameAddr.parse(route)
        return (NameAddr.parse(contacts[0]).uri_text if contacts else None), routes
    except MalformedMessage:
        return None, ()
