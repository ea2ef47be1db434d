"""Which calls have their sound relayed by rtpengine, and when it is asked (SER's ``rtp_proxy``; RFC 3264).

A description in an INVITE, UPDATE or PRACK is an offer, one in a response to such a request its answer. An
INVITE without one leaves the offer to the response, and ACK (or PRACK, RFC 3262 §5) has the answer. BYE and
the failure of a first INVITE end it. Whether a call is relayed is decided once, when its INVITE passes, and
stands in our signed Record-Route from then on; so all its later requests are treated alike, whoever handles
them.

In the place of an address that is not believed (``believed``) rtpengine is told where the message came from.

A phone on WebSocket is a browser: its sound is encrypted and finds its way by ICE, and rtpengine stands
between it and phones that know neither. It stands between IPv4 and IPv6, too. Must not know how rtpengine is
asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from appliance.config import MediaSettings
from appliance.errors import MalformedMessage, MediaUnavailable
from appliance.media.session import Session
from appliance.proxy.incoming import RETRY_AFTER, Incoming
from appliance.proxy.nat.asked import Asked, MediaNodes
from appliance.proxy.nat.believed import believed
from appliance.proxy.nat.detection import behind_nat
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.hosts import is_ipv4
from appliance.sip.message import Request, Response
from appliance.sip.sdp import Description, find_description, replace_description
from appliance.sip.uri import Uri
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer

#: The letter in our Record-Route: the sound of this dialog is relayed.
RELAYED = "r"
_DESCRIBED = frozenset({"INVITE", "UPDATE", "PRACK", "ACK"})
# Beyond, a PRACK's answer is taken for an offer.
_MOST_AWAITED = 8192


class _Way(NamedTuple):
    """What makes a description another one for whoever gets it; the fields are those of ``Session``."""

    interfaces: tuple[str, str] | None
    web: tuple[bool, bool]
    family: str


class Media:
    """Rewrites descriptions in requests and responses while they pass."""

    def __init__(self, nodes: MediaNodes, settings: MediaSettings, metrics: Metrics, tracer: Tracer) -> None:
        self._asked = Asked(nodes)
        self._always = settings.mode == "always"
        self._refuses = settings.when_away == "refuse"
        self._inside = [ip_network(text) for text in settings.inside_networks]
        self._interfaces = settings.interfaces
        self._unrelayed = metrics.media_unrelayed
        self._tracer = tracer
        self._awaited: OrderedDict[tuple[str, str], None] = OrderedDict()

    # -- requests --------------------------------------------------------------------------------------------

    def relay(self, incoming: Incoming, targets: list[Target]) -> bool:
        """Does what this request asks for, before it is sent on; False when it has been refused instead.

        Where phones of several kinds ring together, the others than the first are told in ``targets`` what
        they are offered.
        """
        request = incoming.request
        method, flags = request.method, incoming.flags
        if method == "BYE":
            if RELAYED in flags:
                self._asked.forget(request, request.to_tag)
            return True
        if method not in _DESCRIBED or not targets or targets[0].looped:
            return True
        found = find_description(request)
        if request.to_tag is not None:
            if RELAYED in flags:
                incoming.marks += RELAYED  # what its response is treated by, also after a restart
            return RELAYED not in flags or found is None or self._describe(incoming, targets, found)
        if method != "INVITE":
            return True
        if RELAYED in incoming.marks:
            return self._offer_elsewhere(incoming, targets, found)
        if not self._begins(incoming, targets, found):
            return True
        if found is not None and not self._describe(incoming, targets, found):
            return False
        if incoming.cancelled and RELAYED in incoming.marks:  # while rtpengine was asked
            self._asked.forget(request, None)
        return True

    def failed(self, request: Request) -> None:
        """The INVITE that began it has been refused or given up: nobody needs its ports any more."""
        self._asked.forget(request, None)

    def _begins(self, incoming: Incoming, targets: Sequence[Target], found: Description | None) -> bool:
        """Whether the call that this INVITE begins is one to be relayed; then its Record-Route says so."""
        relayed = (
            self._always
            or any(behind_nat(incoming, target) for target in targets)
            or any(family_for(incoming.hop.host, _host_of(target)) for target in targets)
            or (found is not None and believed(found.data, incoming.hop.host, False) != found.data)
        )
        if relayed:
            incoming.marks += RELAYED
        return relayed

    def _describe(self, incoming: Incoming, targets: list[Target], found: Description) -> bool:
        """Has the description in a request rewritten; False when the request was refused."""
        request = incoming.request
        method, call_id, sender = request.method, request.call_id, request.from_tag or ""
        other = request.to_tag
        data = believed(found.data, incoming.hop.host, incoming.nated)
        answers = method == "ACK" or (method == "PRACK" and self._is_awaited(call_id, other or ""))
        web = (is_browser(incoming.hop), _is_browsers(targets[0]))
        try:
            if answers:
                data = self._asked.ask(
                    "answer", request, Session(call_id, other or "", sender, data, None, web)
                )
            else:
                here, there = incoming.hop.host, _host_of(targets[0])
                family = family_for(here, there)
                session = Session(call_id, sender, other, data, self._sides(here, there), web, "", family)
                data = self._offer(incoming, found, session, targets)
        except MediaUnavailable as problem:
            return self._without(incoming, problem)
        replace_description(request, found, data)
        self._tracer.note("Media is relayed", "green", request)
        return True

    def _offer_elsewhere(self, incoming: Incoming, targets: list[Target], found: Description | None) -> bool:
        """A call that is relayed goes on to others, because nobody took it where it went first: what was
        offered there may mean nothing to them. False when it has been refused."""
        request = incoming.request
        offers = self._asked.offers(request.call_id)
        if found is None or not offers:
            return True
        try:
            data = self._offer(incoming, found, offers[0], targets)
        except MediaUnavailable as problem:
            return self._without(incoming, problem)
        replace_description(request, found, data)
        return True

    def _offer(
        self, incoming: Incoming, found: Description, session: Session, targets: list[Target]
    ) -> bytes:
        """What the first of ``targets`` is offered. ``session`` is offered to each on the interface and in
        the manner that he needs, as a branch of its own if there are several; the others are told in
        ``targets`` what they get. Raises MediaUnavailable."""
        request = incoming.request
        if request.to_tag is not None:
            return self._asked.ask("offer", request, session)
        ways = [self._way(session, incoming.hop.host, target) for target in targets]
        branches = {
            _Way(each.interfaces, each.web, each.family): each.branch
            for each in self._asked.offers(request.call_id)
        }
        offered: dict[_Way, tuple[str, bytes]] = {}
        for way in ways:
            if way in offered:
                continue
            alone = not branches and ways.count(way) == len(ways)
            branch = branches.setdefault(way, "" if alone else str(len(branches) + 1))
            wanted = session._replace(
                interfaces=way.interfaces, web=way.web, family=way.family, branch=branch
            )
            offered[way] = branch, self._asked.ask("offer", request, wanted)
        first, data = offered[ways[0]]
        for place, way in enumerate(ways):
            branch, its = offered[way]
            body = None if branch == first else request.body[: found.start] + its + request.body[found.end :]
            targets[place] = targets[place]._replace(speech=branch, body=body)
        return data

    def _way(self, session: Session, host: str, target: Target) -> _Way:
        """How what was offered from the address ``host`` is offered to ``target``."""
        there, sides = _host_of(target), session.interfaces
        interfaces = None if sides is None else (sides[0], self._side(there))
        return _Way(interfaces, (session.web[0], _is_browsers(target)), family_for(host, there))

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
        data = believed(found.data, host, target.nated)
        web = (_is_browsers(target), is_browser(incoming.hop))
        try:
            if find_description(request) is not None:
                answer = Session(call_id, sender, other, data, None, web, target.speech)
                data = self._asked.ask("answer", response, answer)
            elif request.method == "INVITE":
                there = incoming.hop.host
                sides, family = self._sides(host, there), family_for(host, there)
                offer = Session(call_id, other, sender, data, sides, web, "", family)
                data = self._asked.ask("offer", response, offer)
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
        data = believed(found.data, host, False)
        sender, other = response.from_tag or "", response.to_tag or ""
        web = (False, response.via.transport in ("WS", "WSS"))
        try:
            data = self._asked.ask(
                "answer", response, Session(response.call_id, sender, other, data, None, web)
            )
        except MediaUnavailable:
            return
        replace_description(response, found, data)

    # -- what both have in common ----------------------------------------------------------------------------

    def _await(self, call_id: str, offerer: str) -> None:
        """This phone has offered in its response: the next description that it gets is the answer."""
        self._awaited[call_id, offerer] = None
        if len(self._awaited) > _MOST_AWAITED:
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


def family_for(speaker: str, listener: str) -> str:
    """The family of the listener's address, where the speaker's is another one; else ""."""
    if not listener or (":" in speaker) == (":" in listener):
        return ""
    return "IP6" if ":" in listener else "IP4" if is_ipv4(listener) else ""


def is_browser(hop: Hop) -> bool:
    """Whether a message by this hop is a browser's (RFC 7118)."""
    return hop.transport in ("ws", "wss")


def _is_browsers(target: Target) -> bool:
    if target.hop is not None:
        return is_browser(target.hop)
    try:
        return Uri.parse(target.uri).transport == "ws"
    except MalformedMessage:
        return False


def _host_of(target: Target) -> str:
    """The address that a target is reached at, as far as that is known; "" is somewhere outside."""
    if target.hop is not None:
        return target.hop.host
    try:
        return Uri.parse(target.uri).address
    except MalformedMessage:
        return ""
