"""Sending a request of our own and telling its answers (``t_uac_dlg``; RFC 3261 §8.1, §12.1.2, §13.2.2.4).

A user of ours is reached at the best of his contacts, as a call would reach him. Everything else goes where
its next hop, Route or Request-URI says.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.listener import TRANSPORTS
from appliance.errors import ControlError
from appliance.operations.answers import Answers, Told, own_answer
from appliance.operations.box import Box
from appliance.operations.departure import prepare
from appliance.operations.uac_request import compose, headers_in, uri_in
from appliance.proxy.locating import Unroutable
from appliance.proxy.target import Target
from appliance.sip.message import Request
from appliance.sip.uri import Uri


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
                return iter([own_answer(404 if self._box.settings.sip.profile == "openser12" else 480)])
            target = targets[0]
        return self.send_to(request, target, via=via, listener=listener)

    def send_to(
        self, request: Request, target: Target, *, via: Uri | None = None, listener: int = -1
    ) -> Iterator[Told]:
        """Send ``request`` to ``target``, by way of ``via`` and by our socket ``listener``, if given."""
        box = self._box
        request.uri_text = target.uri
        if box.settings.sip.server_header and not request.has("user-agent"):
            request.add("User-Agent", box.settings.sip.server_header)
        if target.path:
            request.prepend("Route", target.path)
        try:
            aim = request if via is None else Request(request.method, str(via), [], [])
            hop = target.hop or box.next_hop(aim)
            hop = prepare(box, request, hop._replace(listener=listener) if listener >= 0 else hop)
        except Unroutable as error:
            return iter([own_answer(error.status, str(error))])
        except OSError as error:
            return iter([own_answer(503, f"Service Unavailable ({error.strerror or error})")])
        self.sent += 1
        if request.method == "ACK":
            box.transactions.send(request.encode(), hop)
            return iter(())
        answers = Answers(box)
        transaction = box.transactions.begin_client(request, request.encode(), hop, answers, box.clock())
        return answers.told(transaction)

    def _listener(self, socket: str) -> int:
        """The index of our socket by its text, ``udp:127.0.0.1:5060`` or without transport or port."""
        transport, colon, rest = socket.partition(":")
        if transport.lower() not in TRANSPORTS or not colon:
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
