"""Which phone asks, and for what: read from the file's name and the User-Agent.

Phones of different vendors use the same names (``MAC.cfg`` is Yealink's and Polycom's, ``MAC.xml`` Snom's and
Cisco's): then the vendor is who it is known to be, else what the User-Agent says, else whose OUI the MAC has.
Must not know whether the phone is one of ours.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from appliance.provisioning.authority import NAMES
from appliance.provisioning.models import vendor_of_mac


class Asked(NamedTuple):
    """``kind`` is a key of the vendor's ``files``; ``mac`` and ``vendor``: None when nothing tells them."""

    mac: str | None
    vendor: str | None
    kind: str


_MAC = r"(?P<mac>[0-9a-f]{12})"
# Names that only one vendor uses.
_OWN = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), vendor, kind)
    for pattern, vendor, kind in (
        (rf"cfg{_MAC}", "grandstream", "binary"),
        (rf"cfg{_MAC}\.xml", "grandstream", "xml"),
        (rf"{_MAC}\.boot", "yealink", "boot"),
        (r"y0{9}\d{3}\.boot", "yealink", "boot"),
        (r"y0{9}\d{3}\.cfg", "yealink", "common"),
        (rf"snom[a-z]?\d{{2,4}}[a-z]?-{_MAC}\.html?", "snom", "index"),
        (r"snom[a-z]?\d{2,4}[a-z]?\.html?", "snom", "index"),
        (r"0{12}\.cfg", "polycom", "master"),
        (rf"{_MAC}-user\.cfg", "polycom", "settings"),
        (r"spa\d{3}[a-z]?\d?\.cfg", "cisco", "common"),
    )
)
_SHARED = (
    (re.compile(rf"{_MAC}\.cfg", re.IGNORECASE | re.ASCII), {"yealink": "settings", "polycom": "master"}),
    (re.compile(rf"{_MAC}\.xml", re.IGNORECASE | re.ASCII), {"snom": "settings", "cisco": "settings"}),
)
_AGENT_MAC = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)
_AGENT_VENDORS = (
    ("grandstream", "grandstream"), ("yealink", "yealink"), ("snom", "snom"), ("polycom", "polycom"),
    ("poly/", "polycom"), ("linksys", "cisco"), ("sipura", "cisco"), ("cisco", "cisco"),
)  # fmt: skip


def identify(name: str, user_agent: str = "", vendor: str | None = None) -> Asked | None:
    """What a phone asks for by ``name`` (the last part of a path), or None for no file of any phone.

    ``vendor`` is whose phone it is when that is known: then only that vendor's names count. The authority is
    every vendor's.
    """
    if name in NAMES:
        return Asked(mac_of_agent(user_agent), vendor, "authority")
    for pattern, owner, kind in _OWN:
        if (found := pattern.fullmatch(name)) and vendor in (None, owner):
            mac = found.groupdict().get("mac")
            return Asked(mac.lower() if mac else mac_of_agent(user_agent), owner, kind)
    for pattern, kinds in _SHARED:
        if found := pattern.fullmatch(name):
            mac = found["mac"].lower()
            if mac == "0" * 12:
                return None
            owner_ = vendor or vendor_of_agent(user_agent) or vendor_of_mac(mac)
            if owner_ in kinds:
                return Asked(mac, owner_, kinds[owner_])
            return Asked(mac, None, "settings") if vendor is None and owner_ is None else None
    return None


def mac_of_agent(user_agent: str) -> str | None:
    """The MAC address that many phones tell in their User-Agent."""
    found = _AGENT_MAC.search(user_agent[:300])
    return re.sub("[:-]", "", found[0]).lower() if found else None


def vendor_of_agent(user_agent: str) -> str | None:
    """The vendor that a User-Agent names, or None."""
    text = user_agent[:300].lower()
    return next((vendor for word, vendor in _AGENT_VENDORS if word in text), None)
