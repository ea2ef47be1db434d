"""SIP PnP: a new phone asks the whole network where its configuration is, and is told its own URL.

It sends SUBSCRIBE ``Event: ua-profile`` to 224.0.1.75, with its MAC address as the user of From. It is
answered 200, and a NOTIFY brings the URL (``application/url``), on the same dialog, which ends with it. Only
the event stands in an RFC (6080). Must not know sockets, nor which phones are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.provisioning.models import vendor_of_mac
from appliance.provisioning.naming import mac_of_agent, vendor_of_agent
from appliance.provisioning.values import web_address
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.reply import reply
from appliance.sip.uri import Uri

GROUP = "224.0.1.75"
PORT = 5060

_USER = re.compile(r"(?:mac:?)?([0-9a-f]{12})", re.IGNORECASE | re.ASCII)
# Some makers misspell the first.
_PARAMETER = re.compile(r';\s*(vendor|vender|model|version)\s*=\s*("[^"]*"|[^;"\s]*)', re.IGNORECASE)


class Asker(NamedTuple):
    """A phone that asks: ``vendor`` is one that is known here, or None; model and version as it says."""

    mac: str
    vendor: str | None
    model: str
    version: str


def asker(request: Request) -> Asker | None:
    """The phone that sent this, or None when this is no PnP request or does not say which phone."""
    event = request.first("event") or ""
    if request.method != "SUBSCRIBE" or event.partition(";")[0].strip().lower() != "ua-profile":
        return None
    agent = request.first("user-agent") or ""
    mac = _mac(request) or mac_of_agent(agent)
    if mac is None:
        return None
    said = {name.lower(): _plain(value) for name, value in _PARAMETER.findall(event)}
    # Generic ones call themselves OEM: then the MAC address tells whose they are.
    vendor = (
        vendor_of_agent(said.get("vendor", said.get("vender", "")))
        or vendor_of_mac(mac)
        or vendor_of_agent(agent)
    )
    return Asker(mac, vendor, said.get("model", ""), said.get("version", ""))


def accept(request: Request, contact: str, tag: str) -> bytes:
    """The 200 to a PnP request, as bytes; ``contact`` is our URI, ``tag`` our side of the dialog."""
    return reply(request, 200, to_tag=tag, headers=(f"Contact: <{contact}>", "Expires: 0"))


def notify(request: Request, url: str, *, via: str, contact: str, tag: str) -> Request:
    """The NOTIFY that brings ``url``: to the Contact of the SUBSCRIBE, else to its From.

    MalformedMessage when neither is a URI, PhoneRefused when ``url`` is no URL. ``via`` is the value of our
    Via header, branch included.
    """
    named = request.first("contact")
    target = NameAddr.parse(named) if named else request.from_
    ours = request.to
    headers = [
        ("Via", via),
        ("Max-Forwards", "70"),
        ("From", f"<{ours.uri_text}>;tag={tag}"),
        ("To", request.first("from") or ""),
        ("Call-ID", request.call_id),
        ("CSeq", "1 NOTIFY"),
        ("Contact", f"<{contact}>"),
        ("Event", request.first("event") or "ua-profile"),
        ("Subscription-State", "terminated;reason=timeout"),
        ("Content-Type", "application/url"),
    ]
    return Request.create("NOTIFY", str(target.uri), headers, web_address(url, "url").encode("ascii"))


def _mac(request: Request) -> str | None:
    for user in (_user(lambda: request.from_.uri), _user(lambda: request.uri), _user(lambda: request.to.uri)):
        if found := _USER.fullmatch(user):
            return found[1].lower()
    return None


def _user(read: Callable[[], Uri]) -> str:
    try:
        return read().username
    except MalformedMessage:
        return ""


def _plain(value: str) -> str:
    return "".join(letter for letter in value.strip('"') if letter.isprintable())[:64]
