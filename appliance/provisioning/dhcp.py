"""DHCP: which option each vendor's phones read, and what to put into it.

A DHCP server that knows a phone by its MAC address can tell it its own folder, secret included: then the
phone configures itself when it is plugged in. What is told to all phones of a network has no secret, so such
a phone is only seen (and listed as unknown). Must not know which phones are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from appliance.provisioning.models import OUIS
from appliance.provisioning.values import mac_address, web_address

# What each vendor's phones read, best first, and what they make of a folder's URL that ends with a slash.
_READ = {
    "grandstream": ((66,), "{folder}"),
    "yealink": ((66,), "{base}"),
    "snom": ((66,), "{base}"),
    "polycom": ((160, 66), "{base}000000000000.cfg"),
    "cisco": ((66, 160), "{base}spa$PSN.cfg"),
}
_OURS = "sipbox-phone"


class Option(NamedTuple):
    """A DHCP option (its number and value) as phones of ``vendor`` read it."""

    vendor: str
    number: int
    value: str


def dhcp_options(url: str, vendor: str | None = None) -> list[Option]:
    """For the folder ``url`` the options of one vendor, or of all; PhoneRefused when it is no URL."""
    base = web_address(url, "url")
    base = base if base.endswith("/") else f"{base}/"
    return [
        Option(name, number, form.format(base=base, folder=base.rstrip("/")))
        for name, (numbers, form) in _READ.items()
        if vendor in (None, name)
        for number in numbers
    ]


def dnsmasq(phones: Iterable[tuple[str, str, str]], url: str = "") -> str:
    """A file for /etc/dnsmasq.d: each of ``phones`` (MAC, vendor, its folder's URL) is told its own folder.

    With ``url`` all other phones of the known vendors are told that folder.
    """
    lines = ["# Which folder each phone reads its configuration from. Each folder's name is a secret."]
    for mac, vendor, folder in phones:
        plain = mac_address(mac)
        pairs = ":".join(plain[at : at + 2] for at in range(0, 12, 2))
        lines += ["", f"dhcp-mac=set:{_OURS},{pairs}", f"dhcp-mac=set:phone-{plain},{pairs}"]
        lines += [_line(f"phone-{plain}", option) for option in dhcp_options(folder, vendor)]
    if url:
        lines += ["", "# Phones that nobody has added yet: they ask, and are listed."]
        for vendor in _READ:
            lines += [
                f"dhcp-mac=set:{vendor},{oui[:2]}:{oui[2:4]}:{oui[4:]}:*:*:*"
                for oui, owner in OUIS.items()
                if owner == vendor
            ]
            lines += [_line(f"{vendor},tag:!{_OURS}", option) for option in dhcp_options(url, vendor)]
    return "\n".join(lines) + "\n"


def _line(tags: str, option: Option) -> str:
    return f'dhcp-option=tag:{tags},{option.number},"{option.value}"'
