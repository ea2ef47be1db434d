"""What the firewall drops of strangers before the server would read it: the counters of its chain for them.

``COMMAND`` prints them (libnftables-json(5)); the rules say by a comment why they drop. Must not know who
runs it, nor what to think of it.
"""

from __future__ import annotations

import json
from typing import Any

COMMAND = ("nft", "--json", "--terse", "list", "chain", "inet", "sipbox", "strangers")
#: Of a banned address, of a known one that sends far too much, of one stranger, of all strangers together.
RULES = ("banned", "known", "source", "strangers")


def counted(told: str | None) -> dict[str, int]:
    """Packets by the rule, from what the command has printed; none when that is nothing of the kind."""
    try:
        parts = json.loads(told or "{}").get("nftables", [])
        rules = [each["rule"] for each in parts if "rule" in each]
        found = [(rule.get("comment", ""), _packets(rule)) for rule in rules]
    except (ValueError, AttributeError, LookupError, TypeError):
        return {}
    sums: dict[str, int] = {}
    for reason, packets in found:
        if reason in RULES:
            sums[reason] = sums.get(reason, 0) + packets
    return sums


def _packets(rule: dict[str, Any]) -> int:
    return sum(
        int(each["counter"]["packets"])
        for each in rule["expr"]
        if isinstance(each, dict) and isinstance(each.get("counter"), dict)
    )
