"""Which peers that are known by their address can be taken (tables ``trusted`` and ``address``).

A peer is let in without a password, so a row that says more than ours can say is left: without its condition
it would let in more than it did. Must not know SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Old, Row
from appliance.storage.importing.people import GROUPS

_PROTOCOLS = ("any", "udp", "tcp", "tls", "none")
_PATTERN = 64

Key = tuple[Any, ...]


def new_trusted(old: Old, there: Collection[Key], left: Left) -> list[Row]:
    """Rows for ``trusted``; ``there`` are (src_ip, proto, from_pattern) of those that are here."""
    found: dict[Key, Row] = {}
    for row in old.rows("trusted"):
        what, proto = f"trusted {row['src_ip']}", str(row["proto"]).lower()
        pattern = str(row.get("from_pattern") or "")
        address = _address(row["src_ip"])
        if address is None:
            left.say("trusted", what, "is no IP address; 'sipbox trusted add' takes addresses and networks")
        elif row.get("ruri_pattern"):
            left.say("trusted", what, f"holds for the Request-URI {row['ruri_pattern']!r} only")
        elif proto not in _PROTOCOLS:
            left.say("trusted", what, f"comes by {proto}, which is none of {', '.join(_PROTOCOLS)}")
        elif len(pattern) > _PATTERN or not _is_pattern(pattern):
            left.say("trusted", what, f"the pattern {pattern!r} is no regular expression of Python's")
        else:
            key = (address, proto, pattern)
            if key not in there:
                tag = _tag(row, what, left)
                found[key] = {"src_ip": address, "proto": proto, "from_pattern": pattern, "tag": tag}
    return list(found.values())


def new_addresses(old: Old, there: Collection[Key], left: Left) -> list[Row]:
    """Rows for ``address``; ``there`` are (grp, ip_addr, mask, port) of those that are here."""
    found: dict[Key, Row] = {}
    for row in old.rows("address"):
        what = f"address {row['ip_addr']}/{row['mask']}"
        if row.get("pattern") or str(row.get("proto") or "any").lower() != "any":
            left.say("trusted", what, "holds for one protocol or pattern only; see 'sipbox trusted add'")
            continue
        try:
            network = ip_network(f"{row['ip_addr']}/{row['mask']}", strict=False)
        except ValueError:
            left.say("trusted", what, "is no network")
            continue
        group, port = int(row["grp"]), int(row.get("port") or 0)
        if not 0 <= group <= 65_535:
            left.say("trusted", what, f"its group {group} is larger than 65535")
            continue
        key = (group, str(network.network_address), network.prefixlen, port)
        if key not in there:
            found[key] = dict(zip(("grp", "ip_addr", "mask", "port"), key, strict=True))
    return list(found.values())


def _address(said: object) -> str | None:
    try:
        return str(ip_address(str(said).removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _tag(row: Mapping[str, Any], what: str, left: Left) -> str:
    """A tag of ours says what the peer may call outside; another server's may say anything."""
    tag = str(row.get("tag") or "")
    if not tag or all(word in GROUPS for word in tag.split(",")):
        return tag
    left.say("trusted", f"tag {tag!r} of {what}", "a tag is what the peer may call outside: local,ld,int")
    return ""
