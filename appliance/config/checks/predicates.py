"""Forms that many settings have: hosts, paths, groups of the telephone network. Must not know settings."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address

from appliance.config.listener import (
    split_address,
)

# RFC 1123 names with RFC 3261's hostname grammar, underscores forgiven because zones have them.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}")


def is_host(text: str) -> bool:
    """A host name, an IPv4 address, or an IPv6 address with or without brackets."""
    if _HOSTNAME.fullmatch(text.lower()) and not text.rpartition(".")[2].isdigit():
        return True
    try:
        ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return False
    return True


def is_path(text: str) -> bool:
    return text.startswith("/") and text.isprintable()


def is_group(text: str) -> bool:
    try:
        return IPv4Address(text).is_multicast
    except ValueError:
        return False


def is_time_zone(name: str) -> bool:
    if name == "Etc/UTC":
        return True  # a small system may not have the database
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_place(text: str) -> bool:
    return is_host(text) or is_host_with_port(text)


def is_host_with_port(text: str) -> bool:
    try:
        host, _ = split_address(text)
    except ValueError:
        return False
    return is_host(host)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
