"""What may be said of a gateway, a route and a trusted peer, on the command line and in a file: checked, and
made a row.

Raises BadRow with what is wrong and what is allowed. Needs nothing beyond the standard library: the inventory
is checked by it too, on a machine where nothing of the program is installed.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any

from appliance.errors import SipboxError
from appliance.sip.hosts import is_hostname

#: OpenSER's numbers of transports; any is the one that the phones of the gateway use.
TRANSPORTS = {"any": 0, "udp": 1, "tcp": 2, "tls": 3}
PROTOCOLS = ("any", "udp", "tcp", "tls", "none")
#: How a route for all numbers is written.
ANY_NUMBER = "any"

Row = dict[str, Any]


class BadRow(SipboxError):
    """One line: what is wrong, and what is allowed."""


def gateway_row(
    name: str,
    address: str,
    *,
    group: str = "",
    port: Any = 0,
    transport: str = "any",
    strip: Any = 0,
    prefix: str = "",
    hostname: str = "",
) -> Row:
    """A row of ``gw``; without a group it has one of its own, by its name."""
    if hostname and (not is_hostname(hostname) or len(hostname) > 128):
        raise BadRow(f"the hostname {hostname!r} is no name of a host")
    return {
        "gw_name": _name(name, "NAME", 128),
        "group": _name(group or name[:64], "the group", 64),
        "ip_addr": ip_literal(address, "ADDRESS"),
        "port": _number(port, "the port", 65_535),
        "uri_scheme": 1,
        "transport": _one_of(transport, "the transport", tuple(TRANSPORTS), TRANSPORTS),
        "strip": _number(strip, "strip", 30),
        "prefix": _digits(prefix, "the prefix"),
        "hostname": hostname,
    }


def route_row(prefix: str, group: str, *, from_uri: str = "", priority: Any = 0) -> Row:
    """A row of ``lcr``."""
    return {
        "prefix": number_prefix(prefix),
        "from_uri": _pattern(from_uri, 255),
        "group": _name(group, "GROUP", 64),
        "priority": _number(priority, "the priority", 65_535),
    }


def trusted_row(address: str, *, proto: str = "any", from_uri: str = "", tag: str = "") -> Row:
    """A row of ``trusted``."""
    if len(tag) > 32 or not tag.isprintable():
        raise BadRow(f"the tag {tag!r} has at most 32 printable characters")
    _one_of(proto, "the protocol", PROTOCOLS, dict.fromkeys(PROTOCOLS, 0))
    return {
        "src_ip": ip_literal(address, "ADDRESS"),
        "proto": proto,
        "from_pattern": _pattern(from_uri, 64),
        "tag": tag,
    }


def address_row(network: str, group: int, *, port: Any = 0) -> Row:
    """A row of ``address``: ``192.0.2.0/24``."""
    try:
        found = ip_network(network)
    except ValueError as error:
        raise BadRow(f"ADDRESS: {network!r} is no network ({error})") from error
    return {
        "grp": group,
        "ip_addr": str(found.network_address),
        "mask": found.prefixlen,
        "port": _number(port, "the port", 65_535),
    }


def number_prefix(text: str) -> str:
    """How the numbers of a route begin; "" for ``any``."""
    return "" if text == ANY_NUMBER else _digits(text, "PREFIX", f", or {ANY_NUMBER!r}", empty=False)


def ip_literal(text: str, what: str) -> str:
    """An IP address. A name is none: it could lead elsewhere tomorrow, and then nobody guards it."""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError as error:
        hint = (
            "; the name goes to --hostname"
            if is_hostname(text) and not text.rpartition(".")[2].isdigit()
            else ""
        )
        raise BadRow(f"{what}: {text!r} is no IP address{hint}") from error


def _name(text: str, what: str, longest: int) -> str:
    if not text or len(text) > longest or not text.isprintable() or text != text.strip():
        raise BadRow(f"{what} {text!r}: a name has 1 to {longest} printable characters")
    return text


def _number(value: Any, what: str, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise BadRow(f"{what} {text!r} has to be a number from 0 to {most}")
    return int(text)


def _one_of(text: str, what: str, allowed: tuple[str, ...], values: dict[str, int]) -> int:
    if text not in values:
        raise BadRow(f"{what} {text!r} is none of {', '.join(allowed)}")
    return values[text]


def _digits(text: str, what: str, more: str = "", *, empty: bool = True) -> str:
    if not re.fullmatch(r"\+?[0-9]*", text) or len(text) > 16 or not (text or empty):
        raise BadRow(f"{what} {text!r} has to be a + and digits, 16 at most{more}")
    return text


def _pattern(text: str, longest: int) -> str:
    if len(text) > longest:
        raise BadRow(f"the pattern {text!r} has at most {longest} characters")
    try:
        re.compile(text)
    except re.error as error:
        raise BadRow(f"the pattern {text!r} is no regular expression ({error})") from error
    return text
