"""Which calls have their sound relayed by rtpengine, and when it is asked (SER's ``rtp_proxy``; RFC 3264).

A description in an INVITE, UPDATE or PRACK is an offer, one in a response to such a request its answer. An
INVITE without one leaves the offer to the response, and ACK (or PRACK, RFC 3262 §5) has the answer. BYE and
the failure of a first INVITE end it. Whether a call is relayed is decided once, when its INVITE passes, and
stands in our signed Record-Route from then on; so all its later requests are treated alike, whoever handles
them.

Addresses in a description that mean nothing to us are not believed: a private one that was sent from
elsewhere, and one of this very machine, to which a stranger could have rtpengine send what he likes. In their
place rtpengine is told where the message came from. Must not know how rtpengine is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple, Protocol

from appliance.config import MediaSettings
from appliance.errors import MalformedMessage, MediaUnavailable
from appliance.media.session import Session
from appliance.proxy.incoming import RETRY_AFTER, Incoming
from appliance.proxy.nat import behind_nat, is_private
from appliance.proxy.target import Target
from appliance.sip.message import Message, Request, Response
from appliance.sip.sdp import Description, find_description, replace_description, with_addresses
from appliance.sip.uri import Uri
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer

#: The letter in our Record-Route: the sound of this dialog is relayed.
RELAYED = "r"
_DESCRIBED = frozenset({"INVITE", "UPDATE", "PRACK", "ACK"})
# Beyond, a copy of a response is one question more, and a PRACK's answer is taken for an offer.
_MOST_REMEMBERED = 8192


class MediaNodes(Protocol):
    """rtpengine. ``offer`` and ``answer`` wait, and raise MediaUnavailable; ``delete`` returns at once."""

    def offer(self, session: Session) -> bytes: ...
    def answer(self, session: Session) -> bytes: ...
    def delete(self, call_id: str, from_tag: str, to_tag: str | None) -> None: ...


class _Told(NamedTuple):
    """The last description of a call that was rewritten: whose it was, in which request, and what became of
    it."""

    speaker: str
    cseq: int
    data: bytes
    result: bytes


class Media:
    """Rewrites descriptions in requests and responses while they pass."""

    def __init__(self, nodes: MediaNodes, settings: MediaSettings, metrics: Metrics, tracer: Tracer) -> None:
        self._nodes = nodes
        self._always = settings.mode == "always"
        self._refuses = settings.when_away == "refuse"
        self._inside = [ip_network(text) for text in settings.inside_networks]
        self._interfaces = settings.interfaces
        self._unrelayed = metrics.media_unrelayed
        self._tracer = tracer
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        self._awaited: OrderedDict[tuple[str, str], None] = OrderedDict()

    # -- requests --------------------------------------------------------------------------------------------

    def relay(self, incoming: Incoming, targets: Sequence[Target]) -> bool:
        """Does what this request asks for, before it is sent on; False when it has been refused instead."""
        request = incoming.request
        method, flags = request.method, incoming.flags
        if method == "BYE":
            if RELAYED in flags:
                self._end(request, request.to_tag)
            return True
        if method not in _DESCRIBED or not targets or targets[0].looped:
            return True
        found = find_description(request)
        if request.to_tag is not None:
            if RELAYED in flags:
                incoming.marks += RELAYED  # what its response is treated by, also after a restart
            return RELAYED not in flags or found is None or self._describe(incoming, targets, found)
        if method != "INVITE" or not self._begins(incoming, targets, found):
            return True
        if found is not None and not self._describe(incoming, targets, found):
            return False
        if incoming.cancelled and RELAYED in incoming.marks:  # while rtpengine was asked
            self._end(request, None)
        return True

    def failed(self, request: Request) -> None:
        """The INVITE that began it has been refused or given up: nobody needs its ports any more."""
        self._end(request, None)

    def _begins(self, incoming: Incoming, targets: Sequence[Target], found: Description | None) -> bool:
        """Whether the call that this INVITE begins is one to be relayed; then its Record-Route says so."""
        relayed = (
            self._always
            or any(behind_nat(incoming, target) for target in targets)
            or (found is not None and _believed(found.data, incoming.hop.host, False) != found.data)
        )
        if relayed and RELAYED not in incoming.marks:
            incoming.marks += RELAYED
        return relayed

    def _describe(self, incoming: Incoming, targets: Sequence[Target], found: Description) -> bool:
        """Has the description in a request rewritten; False when the request was refused."""
        request = incoming.request
        method, call_id, sender = request.method, request.call_id, request.from_tag or ""
        other = request.to_tag
        data = _believed(found.data, incoming.hop.host, incoming.nated)
        answers = method == "ACK" or (method == "PRACK" and self._is_awaited(call_id, other or ""))
        try:
            if answers:
                data = self._ask("answer", request, Session(call_id, other or "", sender, data))
            else:
                sides = self._sides(incoming.hop.host, _host_of(targets[0]))
                data = self._ask("offer", request, Session(call_id, sender, other, data, sides))
        except MediaUnavailable as problem:
            return self._without(incoming, problem)
        replace_description(request, found, data)
        self._tracer.note("Media is relayed", "green", request)
        return True

    def _without(self, incoming: Incoming, problem: MediaUnavailable) -> bool:
        """There is no rtpengine for this: it passes as it is, or is refused."""
        request = incoming.request
        self._tracer.note(f"Media is not relayed ({problem})", "red", request)
        if self._refuses and request.method != "ACK":
            self._unrelayed["refused"] += 1
            incoming.reply(incoming.replies.overloaded, (RETRY_AFTER,))
            return False
        self._unrelayed["passed"] += 1
        incoming.marks = incoming.marks.replace(RELAYED, "")
        return True

    # -- responses -------------------------------------------------------------------------------------------

    def answered(self, incoming: Incoming, response: Response, target: Target, host: str) -> None:
        """Has the description in a response rewritten, which came from the address ``host``; may wait.

        Without an rtpengine it passes as it is: what a phone has answered cannot be refused any more.
        """
        request = incoming.request
        if RELAYED not in incoming.marks:
            return
        found = find_description(response)
        if found is None or request.method not in _DESCRIBED:
            return
        call_id, sender, other = request.call_id, request.from_tag or "", response.to_tag or ""
        data = _believed(found.data, host, target.nated)
        try:
            if find_description(request) is not None:
                data = self._ask("answer", response, Session(call_id, sender, other, data))
            elif request.method == "INVITE":
                sides = self._sides(host, incoming.hop.host)
                data = self._ask("offer", response, Session(call_id, other, sender, data, sides))
                self._await(call_id, other)
            else:
                return
        except MediaUnavailable as problem:
            self._tracer.note(f"Media is not relayed ({problem})", "red", response)
            self._unrelayed["passed"] += 1
            return
        replace_description(response, found, data)

    def answered_late(self, response: Response, host: str) -> None:
        """The same for a response to an INVITE that another process has sent on: if that call is relayed,
        rtpengine knows it."""
        found = find_description(response)
        if found is None:
            return
        data = _believed(found.data, host, False)
        sender, other = response.from_tag or "", response.to_tag or ""
        try:
            data = self._ask("answer", response, Session(response.call_id, sender, other, data))
        except MediaUnavailable:
            return
        replace_description(response, found, data)

    # -- what both have in common ----------------------------------------------------------------------------

    def _ask(self, command: str, message: Message, session: Session) -> bytes:
        """What rtpengine makes of a description; about the last one it is not asked again, since a 2xx and
        its ACK come in copies."""
        place, cseq = (session.call_id, command), message.cseq.number
        speaker = session.offerer if command == "offer" else session.answerer or ""
        told = self._told.get(place)
        if told is not None and told[:3] == (speaker, cseq, session.data):
            return told.result
        ask = self._nodes.offer if command == "offer" else self._nodes.answer
        result = ask(session)
        self._told[place] = _Told(speaker, cseq, session.data, result)
        self._told.move_to_end(place)
        if len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)
        return result

    def _end(self, request: Request, to_tag: str | None) -> None:
        call_id = request.call_id
        for command in ("offer", "answer"):
            self._told.pop((call_id, command), None)
        self._nodes.delete(call_id, request.from_tag or "", to_tag)

    def _await(self, call_id: str, offerer: str) -> None:
        """This phone has offered in its response: the next description that it gets is the answer."""
        self._awaited[call_id, offerer] = None
        if len(self._awaited) > _MOST_REMEMBERED:
            self._awaited.popitem(last=False)

    def _is_awaited(self, call_id: str, offerer: str) -> bool:
        if (call_id, offerer) not in self._awaited:
            return False
        del self._awaited[call_id, offerer]
        return True

    def _sides(self, speaker: str, listener: str) -> tuple[str, str] | None:
        """rtpengine's interfaces towards both, by their addresses; None when it has only one."""
        if not self._inside:
            return None
        return self._side(speaker), self._side(listener)

    def _side(self, host: str) -> str:
        try:
            address = ip_address(host)
        except ValueError:
            return self._interfaces[1]
        return self._interfaces[0 if any(address in network for network in self._inside) else 1]


def _believed(data: bytes, host: str, nated: bool) -> bytes:
    """A description that came from ``host``, with that in the place of addresses that mean nothing to us."""
    # In a private network, whoever says another address of it may well have that too.
    believes_private = is_private(host) and not nated

    def meant(address: str) -> str:
        if address in (host, "0.0.0.0", "::"):  # noqa: S104 - so a call is held (RFC 3264 §8.4)
            return address
        if _leads_nowhere(address):
            return host if (":" in host) == (":" in address) else "::" if ":" in address else "0.0.0.0"  # noqa: S104
        if is_private(address) and not believes_private and (":" in host) == (":" in address):
            return host
        return address

    return with_addresses(data, meant)


@lru_cache(maxsize=4096)
def _leads_nowhere(address: str) -> bool:
    """Whether this is an address of whoever reads it, or of many at once."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    plain = (read.ipv4_mapped or read) if isinstance(read, IPv6Address) else read
    if plain.version == 4 and plain.packed[0] == 0:
        return True  # "this network": Linux takes some of it for itself
    return plain.is_loopback or plain.is_multicast or plain.is_reserved or plain.is_unspecified


def _host_of(target: Target) -> str:
    """The address that a target is reached at, as far as that is known; "" is somewhere outside."""
    if target.hop is not None:
        return target.hop.host
    try:
        return Uri.parse(target.uri).address
    except MalformedMessage:
        return ""
