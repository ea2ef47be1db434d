"""Who is calling, at the border of those who are trusted (RFC 3325), and callers who hide it (RFC 3323).

Inside are gateways and trusted peers, known by their addresses; phones and foreign domains are outside. What
an outsider asserts is taken out, in requests and responses. Who asserts something inside is believed, and it
goes on to outsiders too unless its ``Privacy`` says otherwise. To a trusted peer we assert who our own user
is, as to a gateway (``pstn.gateway``). A user of ours whose From is anonymous says by P-Preferred-Identity
who he is, and proves it; From stays as it is.

``id`` keeps the identity inside. ``user`` and ``header`` do so as well, and take out what else tells of the
caller; but From, Contact and Via stay, because only a server that stands in for the phone (B2BUA) could
change them. So together with ``critical`` they are refused, as RFC 3323 §5 asks. Must not know how a request
is sent.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.proxy.incoming import Incoming
from appliance.proxy.pstn.caller_id import assert_identity, take_out_claims
from appliance.proxy.pstn.gateway import payer_of
from appliance.proxy.pstn.trusted import Peers
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.message import Message, Request, Response
from appliance.sip.uri import AddressOfRecord

_ASSERTED, _REMOTE_PARTY, _PRIVACY = "p-asserted-identity", "remote-party-id", "privacy"
_HIDING = frozenset({"id", "user", "header"})
#: What needs a server in the place of the phone.
_BEYOND_US = frozenset({"user", "header", "session"})
#: RFC 3323 §4.1: what a caller may leave out, and so may we for him.
_TELLING = ("subject", "organization", "user-agent", "call-info", "reply-to", "in-reply-to")


class Privacy:
    """``identity(aor)`` is as whom a user of ours calls, "" when nothing is set; ``form`` is the setting
    ``identity`` of gateways."""

    def __init__(self, peers: Peers, identity: Callable[[AddressOfRecord], str], form: str) -> None:
        self._peers = peers
        self._identity = identity
        self._form = form

    def is_too_much(self, request: Request) -> bool:
        """Whether the caller would rather not call than be shown, and we cannot hide him."""
        if _PRIVACY not in request.firsts:
            return False
        wishes = _wishes(request)
        return "critical" in wishes and bool(wishes & _BEYOND_US)

    def came_in_dialog(self, incoming: Incoming) -> None:
        """A request within a dialog: outsiders assert nothing there, either."""
        firsts = incoming.request.firsts
        if _ASSERTED not in firsts and _REMOTE_PARTY not in firsts and "p-preferred-identity" not in firsts:
            return
        if self._peers.sender(incoming.request, incoming.hop) is None:
            take_out_claims(incoming.request)

    def leaves(self, incoming: Incoming, outgoing: Request, hop: Hop, target: Target) -> None:
        """A copy is ready to be sent to ``hop``."""
        if target.gateway or target.looped:
            return  # told already, and not yet on its way
        firsts = outgoing.firsts
        claims = _ASSERTED in firsts or _REMOTE_PARTY in firsts
        if (claims or _PRIVACY in firsts) and not self._peers.trusts(hop.host):
            _hide(outgoing)
        elif not claims and self._peers.any and self._peers.trusts(hop.host):
            self._assert(incoming, outgoing)

    def answered(self, response: Response, host: str, *, to_insider: bool) -> None:
        """A response has come from the address ``host``."""
        firsts = response.firsts
        if _ASSERTED not in firsts and _REMOTE_PARTY not in firsts:
            return
        if not self._peers.trusts(host):
            take_out_claims(response)
        elif not to_insider:
            _hide(response)

    def _assert(self, incoming: Incoming, outgoing: Request) -> None:
        if incoming.peer is not None or outgoing.to_tag is not None or outgoing.method in ("ACK", "CANCEL"):
            return
        payer = payer_of(incoming)
        if payer is not None:
            assert_identity(outgoing, self._identity(payer) or f"sip:{payer}", payer.domain, self._form)


def _hide(message: Message) -> None:
    """Takes out what is not to leave those who are trusted, if the message wants to hide it."""
    wishes = _wishes(message)
    if not wishes & _HIDING or "none" in wishes:
        return
    take_out_claims(message)
    if wishes & _BEYOND_US:
        for key in _TELLING:
            if message.has(key):
                message.remove(key)


def _wishes(message: Message) -> set[str]:
    return {
        wish.strip().lower() for value in message.all(_PRIVACY) for wish in value.replace(",", ";").split(";")
    }
