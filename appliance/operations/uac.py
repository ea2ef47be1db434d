"""Sending a request of our own and telling its answers (``t_uac_dlg``; RFC 3261 §8.1, §12.1.2, §13.2.2.4).

A user of ours is reached at the best of his contacts, as a call would reach him. Everything else goes where
its next hop, Route or Request-URI says.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.queue import Empty, Queue

from appliance.errors import ControlError, MalformedMessage
from appliance.operations.box import Box
from appliance.operations.uac_request import Header, compose, headers_in, put_own_address, uri_in
from appliance.proxy.forward import Unroutable
from appliance.proxy.targets import Target
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request, Response
from appliance.sip.reply import REASONS
from appliance.sip.uri import Uri
from appliance.transaction.table import ClientTransaction, InviteClientTransaction

RING_SECONDS = 180.0

Told = dict[str, Any]


class UserAgent:
    """Sends requests for administrators; ``sent`` counts them."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.sent = 0

    def send(
        self,
        method: str,
        ruri: str,
        next_hop: str | None = None,
        socket: str | None = None,
        headers: str | None = None,
        body: str | None = None,
    ) -> Iterator[Told]:
        """Send a request and give each provisional response and the final one.

        Each has ``status``, ``reason``, the dialog's ``request_uri``, ``next_hop`` and ``route_set`` (None
        without one), and ``headers``: all that follows the status line, None when the answer is our own.

        Raises ControlError with OpenSER's words for what is wrong with the arguments.
        """
        uri = uri_in(ruri, "Invalid RURI")
        via = None if next_hop is None else uri_in(next_hop, "Invalid NEXTHOP")
        listener = -1 if socket is None else self._listener(socket)
        request = compose(method, ruri, headers_in(headers or ""), body)
        target = Target(ruri)
        if via is None and not request.has("route") and uri.user is not None and self._box.domains.is_me(uri):
            targets = self._box.targets.lookup(self._box.domains.aor(uri))
            if not targets:
                return iter([_own(404 if self._box.settings.sip.profile == "openser12" else 480)])
            target = targets[0]
        return self.send_to(request, target, via=via, listener=listener)

    def send_to(
        self, request: Request, target: Target, *, via: Uri | None = None, listener: int = -1
    ) -> Iterator[Told]:
        """Send ``request`` to ``target``, by way of ``via`` and our socket ``listener`` when they are
        given.
        """
        box = self._box
        request.uri_text = target.uri
        if target.path:
            request.prepend("Route", target.path)
        try:
            hop = target.hop or box.next_hop(
                request if via is None else Request(request.method, str(via), [], [])
            )
            hop = box.connections.local_for(hop._replace(listener=listener) if listener >= 0 else hop)
            box.connections.connect(hop)
        except Unroutable as error:
            return iter([_own(error.status, str(error))])
        except OSError as error:
            return iter([_own(503, f"Service Unavailable ({error.strerror or error})")])
        transport, host, port = box.listeners[hop.listener]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        put_own_address(request, address)
        if box.settings.sip.server_header and not request.has("user-agent"):
            request.add("User-Agent", box.settings.sip.server_header)
        branch = f"z9hG4bK{secrets.token_hex(12)}"
        request.prepend("Via", f"SIP/2.0/{transport.upper()} {address};branch={branch};rport")
        self.sent += 1
        if request.method == "ACK":
            box.transactions.send(request.encode(), hop)
            return iter(())
        answers = _Answers(box)
        transaction = box.transactions.begin_client(request, request.encode(), hop, answers, box.clock())
        return answers.told(transaction)

    def _listener(self, socket: str) -> int:
        """The index of our socket by its text, ``udp:127.0.0.1:5060`` or without transport or port."""
        transport, colon, rest = socket.partition(":")
        if transport.lower() not in ("udp", "tcp") or not colon:
            transport, rest = "", socket
        host, colon, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
        if not colon:
            host, port = rest, "5060"
        if not host or not port.isdigit():
            raise ControlError(404, "Invalid local socket")
        for index, (ours, address, number) in enumerate(self._box.listeners):
            if transport.lower() in ("", ours) and host.strip("[]") == address and int(port) == number:
                return index
        raise ControlError(404, "Local socket not found")


class _Answers:
    """The transaction user (RFC 3261 §17): passes answers on to whoever asked, and acknowledges a 2xx."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._queue: Queue[Told] = Queue()

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self._queue.put(_told(response))
        if isinstance(transaction, InviteClientTransaction) and 200 <= response.status < 300:
            # A copy of the 2xx comes until the ACK arrives, so each is acknowledged, not only the first.
            gevent.spawn(self._acknowledge, transaction.data, response)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._queue.put(_own(408))

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self._queue.put(_own(503))

    def told(self, transaction: ClientTransaction) -> Iterator[Told]:
        """The answers up to the final one. Whoever stops listening to an INVITE cancels it."""
        final = False
        try:
            while not final:
                try:
                    answer = self._queue.get(timeout=RING_SECONDS)
                except Empty:
                    answer = _own(408)
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

    def _acknowledge(self, invite: bytes, response: Response) -> None:
        """The ACK of a 2xx: a transaction of its own, to the callee's own contact (§13.2.2.4)."""
        box = self._box
        target, routes = _dialog(response)
        identity: list[Header] = [
            ("Max-Forwards", "70"),
            ("From", response.first("from") or ""),
            ("To", response.first("to") or ""),
            ("Call-ID", response.call_id),
            ("CSeq", f"{response.cseq.number} ACK"),
        ]
        ack = Request.create("ACK", target or "", [*(("Route", route) for route in routes), *identity])
        try:
            hop = box.connections.local_for(box.next_hop(ack))
            box.connections.connect(hop)
            transport, host, port = box.listeners[hop.listener]
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            ack.prepend("Via", f"SIP/2.0/{transport.upper()} {address};branch=z9hG4bK{secrets.token_hex(12)}")
            box.transactions.send(ack.encode(), hop)
        except (OSError, Unroutable, MalformedMessage):
            return  # the 2xx comes again, and with it another chance


def _own(status: int, reason: str | None = None) -> Told:
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
