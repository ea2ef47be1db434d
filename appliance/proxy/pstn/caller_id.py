"""Who is calling, as a gateway is told it: P-Asserted-Identity (RFC 3325) and Remote-Party-ID (the draft that
gateways of 2007 know).

What a caller says of himself there is believed from trusted sides only, and taken out otherwise (RFC 3325
§5); for the gateway, what the subscriber's row says is put in. Must not know who is trusted.
"""

from __future__ import annotations

from appliance.errors import MalformedMessage
from appliance.sip.headers import NameAddr
from appliance.sip.message import Message, Request
from appliance.sip.uri import Uri

_ASSERTED, _PREFERRED, _REMOTE_PARTY = "p-asserted-identity", "p-preferred-identity", "remote-party-id"
#: The host of a From that says nothing (RFC 3323 §4.1.1.3).
ANONYMOUS_HOST = "anonymous.invalid"
_PARTY = ";party=calling;id-type=subscriber;screen=yes"


def take_out_claims(message: Message) -> None:
    """Takes out what nobody has to believe."""
    firsts = message.firsts
    if _ASSERTED in firsts or _PREFERRED in firsts or _REMOTE_PARTY in firsts:
        for key in (_ASSERTED, _PREFERRED, _REMOTE_PARTY):
            message.remove(key)


def preferred_identity(request: Request) -> Uri | None:
    """As whom a caller wants to be known to those who are trusted, whose From hides him (RFC 3325 §9.2).

    None when From says who he is: then that counts.
    """
    if _PREFERRED not in request.firsts:
        return None
    caller = request.from_.uri
    if caller.host != ANONYMOUS_HOST and caller.username.lower() != "anonymous":
        return None
    try:
        return NameAddr.parse(request.first(_PREFERRED) or "").uri
    except MalformedMessage:
        return None


def assert_identity(request: Request, identity: str, domain: str, form: str) -> None:
    """Tells who is calling: ``identity`` is a number, or a URI with or without brackets; "" tells nothing.

    ``form`` is ``pai``, ``rpid``, ``both`` or ``none``. An identity that is no URI is not told.
    """
    uri = _uri_of(identity, domain)
    if not uri or form == "none":
        return
    if form in ("pai", "both"):
        request.add("P-Asserted-Identity", f"<{uri}>")
    if form in ("rpid", "both"):
        privacy = ";privacy=full" if _wants_privacy(request) else ""
        request.add("Remote-Party-ID", f"<{uri}>{_PARTY}{privacy}")


def _uri_of(identity: str, domain: str) -> str:
    text = identity.strip()
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0]
    text = text.strip()
    if not text:
        return ""
    if not text.lower().startswith(("sip:", "sips:", "tel:")):
        text = f"sip:{text}" if "@" in text else f"sip:{text}@{domain}"
    try:
        return Uri.parse(text).text
    except MalformedMessage:
        return ""


def _wants_privacy(request: Request) -> bool:
    """RFC 3323: the caller does not want to be shown."""
    wishes = {wish.strip().lower() for wish in (request.first("privacy") or "").split(";")}
    return bool(wishes & {"id", "user", "header"})
