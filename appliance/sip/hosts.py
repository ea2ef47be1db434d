"""Hosts and ports: names, IPv4 addresses, IPv6 references (RFC 3261 §25.1 hostport)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from appliance.errors import MalformedMessage

# RFC 1035's 255 characters, a port, and some blanks.
_HOST_LENGTH = 300
# Underscores are in no RFC's hostname and in many people's networks.
_HOST = re.compile(r"[a-z0-9_.\-]++").fullmatch


def is_ipv4(text: str) -> bool:
    """True for four decimal numbers up to 255."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.isascii() and part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts
    )


def is_ipv6_reference(text: str) -> bool:
    """True for an IPv6 address in square brackets, without a zone."""
    if text[:1] != "[" or text[-1:] != "]" or "%" in text:
        return False
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def is_hostname(text: str) -> bool:
    """True for labels of letters, digits, hyphens (not at an end) and underscores, with dots between."""
    labels = text.lower().removesuffix(".").split(".")
    return all(_HOST(label) and label[0] != "-" and label[-1] != "-" for label in labels)


def without_brackets(host: str) -> str:
    """The host as a socket wants it: ``[2001:db8::1]`` -> ``2001:db8::1``."""
    return host[1:-1] if host[:1] == "[" else host


@lru_cache(maxsize=8192)
def parse_host_port(text: str) -> tuple[str, int | None]:
    """``host [":" port]`` -> the host in lower case (IPv6 in brackets) and the port; MalformedMessage.

    A phone's Via, Contact and Request-URI name the same few hosts again and again: they are remembered.
    """
    if len(text) > _HOST_LENGTH:
        # What raises is not remembered, so this also bounds the memory.
        raise MalformedMessage(f"a host of {len(text)} characters")
    text = text.strip(" \t")
    if not text.isascii():
        # Before lower(), which makes plain letters of some that are not, as of the Kelvin sign.
        raise MalformedMessage(f"not a host: {text[:60]!r}")
    if text[:1] == "[":
        host, bracket, rest = text.lower().partition("]")
        host += bracket
        if ":::" in host and "." in host:
            # What RFC 3261's own grammar makes of an IPv4 address within one (RFC 5118 §4.10).
            host = host.replace(":::", "::")
        if not is_ipv6_reference(host):
            raise MalformedMessage(f"not an IPv6 reference: {text[:60]!r}")
        rest = rest.lstrip(" \t")
        if not rest:
            return host, None
        if rest[0] != ":":
            raise MalformedMessage(f"text after an IPv6 reference: {text[:60]!r}")
        return host, _port(rest[1:])
    host, colon, port = text.lower().partition(":")
    # §25.1 COLON lets blanks stand around it: RFC 4475 has "first.example.com: 4000".
    host = host.rstrip(" \t")
    if not _HOST(host):
        raise MalformedMessage(f"not a host: {text[:60]!r}")
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    digits = text.strip(" \t")
    # isdigit alone would take digits of any script, and int() underscores and signs.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise MalformedMessage(f"not a port: {text[:20]!r}")
    port = int(digits)
    if port > 65535:
        raise MalformedMessage(f"not a port: {digits}")
    return port
