"""Phones behind a NAT (SER's NAT_DETECTION): how one is told, and what is set right for it to be reached.

A NAT writes another source address and port on what a phone sends, and the phone does not know. Four tests
tell it, each a comparison of what a message says with where it came from:

``contact``  the Contact is a private address (RFC 1918, RFC 6598, link-local, IPv6 ULA), and not the source's
``via``      the host in the topmost Via is not the address that the request came from (RFC 3261 §18.2.1)
``port``     its port is not the port that the request came from; over UDP only, where a phone has one port
``maddr``    the Contact has a maddr, which no phone of today has a good reason for

A phone on WebSocket has no other address than its flow (RFC 7118 §5), so it counts as one behind a NAT. One
on TLS can be called by its own connection only, because no address can prove whose it is: its Contact is made
to lead there, unless it is a name.

Only a phone's own messages are judged: one that has come through another proxy is that proxy's to set right.
The source is the phone's flow. A REGISTER's is kept with its binding. In other messages the Contact gets the
address of the flow, so that whoever calls the phone in the dialog sends there. Whether the two sides of a
dialog are behind a NAT stands in our signed Record-Route (``record_route``), since a BYE does not show it.

Must not know sockets, nor who is let in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.proxy.incoming import Incoming
from appliance.proxy.target import Target
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Message, Request, Response
from appliance.sip.uri import Uri

TESTS = ("contact", "via", "port", "maddr")
#: What begins a dialog or moves its remote target (RFC 3261 §12.2, RFC 3311, RFC 6665): its Contact counts.
_TARGETED = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
_TESTED = _TARGETED | {"REGISTER"}
_PRIVATE = tuple(
    IPv4Network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
)
_PRIVATE_6 = (IPv6Network("fc00::/7"), IPv6Network("fe80::/10"))
_REMEMBERED_LENGTH = 512
#: What may stand behind the host of a Contact.
_ENDS_HOST = frozenset(":>;")


class NatTest:
    """Judges messages by ``tests``, some of ``TESTS``. ``is_me(uri)``: whether an address is this server."""

    def __init__(self, tests: Collection[str], is_me: Callable[[Uri], bool]) -> None:
        self._by_contact = "contact" in tests
        self._by_via = "via" in tests
        self._by_port = "port" in tests
        self._by_maddr = "maddr" in tests
        self._is_me = is_me

    def test(self, incoming: Incoming) -> None:
        """Says in ``incoming.nated`` whether its sender is behind a NAT, and sets right what that asks for:
        where replies go (as if the phone had asked for rport, RFC 3581), and the Contact."""
        request, hop = incoming.request, incoming.hop
        via = request.via
        if hop.transport not in ("udp", "tcp"):
            self._test_flow(incoming)
            return
        nated = self._by_via and via.host != hop.host and via.address != hop.host
        if hop.transport == "udp" and (via.port or 5060) != hop.port:
            nated = nated or self._by_port
            if nated and via.rport is None:
                # Judged by the Via alone: a CANCEL and an ACK have to come out like their INVITE.
                request.force_rport(hop.host, hop.port)
        if request.method not in _TESTED:
            return
        if (nated or self._by_its_contact(request, hop)) and not _came_by_proxy(request):
            self.remember(incoming)

    def _test_flow(self, incoming: Incoming) -> None:
        """The sender is reached by the flow of this message and no other."""
        request, hop = incoming.request, incoming.hop
        if request.method not in _TESTED or _came_by_proxy(request):
            return
        via = request.via
        if hop.transport != "tls" or (
            (self._by_via and via.host != hop.host and via.address != hop.host)
            or self._by_its_contact(request, hop)
        ):
            self.remember(incoming)
        elif request.method in _TARGETED:
            fix_nated_contact(request, hop, names_too=False)

    def remember(self, incoming: Incoming) -> None:
        """The sender is behind a NAT: its Contact leads to its flow from now on."""
        incoming.nated = True
        if incoming.request.method in _TARGETED:
            fix_nated_contact(incoming.request, incoming.hop)

    def fix_reply(self, response: Response, hop: Hop, *, nated: bool, direct: bool = True) -> None:
        """Sets the Contact right of a reply from ``hop`` that makes a dialog or moves its target.

        ``nated``: it is known of that phone. ``direct``: no other proxy stands between, as far as we know.
        """
        if not (direct and 100 < response.status < 300 and response.cseq.method in _TARGETED):
            return
        if hop.transport in ("udp", "tcp"):
            if (nated or self._by_its_contact(response, hop)) and not self._came_by_proxy(response):
                fix_nated_contact(response, hop)
        elif not self._came_by_proxy(response):
            fix_nated_contact(response, hop, names_too=hop.transport != "tls" or nated)

    def _by_its_contact(self, message: Message, hop: Hop) -> bool:
        line = message.firsts.get("contact")
        if line is None:
            return False
        # What nearly every phone writes is where it is; to see that, nothing has to be taken apart.
        there = f"@{hop.host}"
        found = line.find(there)
        if found >= 0 and line[found + len(there) :][:1] in _ENDS_HOST and "maddr" not in line:
            return False
        value = message.first("contact")
        if value is None:
            return False
        seen = _seen(value) if len(value) <= _REMEMBERED_LENGTH else _look(value)
        if seen is None:
            return False
        return (seen.private and self._by_contact and seen.address != hop.host) or (
            seen.maddr and self._by_maddr
        )

    def _came_by_proxy(self, response: Response) -> bool:
        """Whether another proxy stands between the phone and us: its Record-Route lies above ours."""
        if not response.has("record-route"):
            return False
        try:
            return not self._is_me(NameAddr.parse(response.items("record-route")[0]).uri)
        except (MalformedMessage, IndexError):
            return True  # who can say


def behind_nat(incoming: Incoming, target: Target | None = None) -> bool:
    """Whether a party of this request is behind a NAT: who sends it, or who gets it.

    In a dialog that is known of both. Of a request that begins one, ``target`` says who gets it.
    """
    return incoming.nated or incoming.peer_nated or (target is not None and target.nated)


def fix_nated_contact(message: Message, hop: Hop, *, names_too: bool = True) -> None:
    """Puts the address and port of the flow into the Contact; user, parameters and name stay as they are.

    A Contact that cannot be read, or is no SIP URI, is left to whoever gets it, and so is a SIPS URI that
    came by no TLS. ``names_too`` False: one whose host is a name, too.
    """
    value = message.first("contact")
    if value is None:
        return
    try:
        uri_text = NameAddr.parse(value).uri_text
        uri = Uri.parse(uri_text)
    except MalformedMessage:
        return
    if uri.scheme != "sip" and (uri.scheme != "sips" or not hop.secure):
        return
    if not (names_too or _is_address(uri.address)) or uri.has_param("gr"):
        return  # a GRUU leads to the phone by itself
    host = f"[{hop.host}]" if ":" in hop.host else hop.host
    params = tuple(param for param in uri.params if param[0] not in ("maddr", "transport"))
    transport = "ws" if hop.transport == "wss" else hop.transport
    if transport != "udp" and (uri.scheme == "sip" or transport == "ws"):
        params = (*params, ("transport", transport))
    if (host, hop.port, params) == (uri.host, uri.port or 5060, uri.params):
        return
    fixed = str(uri.replace(host=host, port=hop.port, params=params))
    before, found, after = value.partition(f"<{uri_text}>")
    if not found:  # an address without brackets: what follows are parameters of the header
        before, _, after = value.partition(uri_text)
    message.replace("contact", f"{before}<{fixed}>{after}")


@lru_cache(maxsize=8192)
def is_private(address: str) -> bool:
    """Whether an address (no brackets) means something behind a NAT only; False for a host name."""
    try:
        if ":" in address:
            six = IPv6Address(address)
            return any(six in net for net in _PRIVATE_6)
        four = IPv4Address(address)
    except AddressValueError:
        return False
    return any(four in net for net in _PRIVATE)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Seen(NamedTuple):
    """What the tests want to know of a Contact."""

    address: str
    private: bool
    maddr: bool


def _look(value: str) -> _Seen | None:
    try:
        uri = NameAddr.parse(value).uri
    except MalformedMessage:
        return None  # ``*``, several at once, or nothing that can be used
    if not uri.host:
        return None
    return _Seen(uri.address, is_private(uri.address), uri.has_param("maddr"))


# A phone writes its Contact the same way each time.
_seen = lru_cache(maxsize=8192)(_look)


def _came_by_proxy(request: Request) -> bool:
    keys = request.keys
    return keys.count("via") > 1 or "," in request.lines[keys.index("via")]
