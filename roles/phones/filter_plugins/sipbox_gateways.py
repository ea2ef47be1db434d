"""Gateways, routes and trusted peers of an inventory, checked on the control machine and made ready.

The program's own reader decides what an entry may say. Needs nothing beyond the standard library. Must not
know which host it is for, nor reach one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from appliance.cli.entries import BadEntry
from appliance.cli.gateway_entries import rows_of

#: The list in the file of ``sipbox gateway apply``, and the variable of the inventory.
VARIABLES = {"gateways": "sipbox_gateways", "routes": "sipbox_lcr", "trusted": "sipbox_trusted"}


def sipbox_gateways(
    gateways: Any, routes: Any = (), trusted: Any = (), address_group: Any = 1
) -> dict[str, Any]:
    """``problem`` ("" when all is well), ``file`` as JSON for ``sipbox gateway apply -``, and how many
    ``entries`` it has."""
    tree = {
        kind: _plain(value)
        for kind, value in zip(VARIABLES, (gateways, routes, trusted), strict=True)
        if value not in (None, "")
    }
    try:
        rows_of(tree, "the inventory", int(address_group))
    except BadEntry as wrong:
        problem = str(wrong).removeprefix("the inventory: ")
        for kind, variable in VARIABLES.items():
            if problem.startswith(kind):
                problem = f"{variable}{problem.removeprefix(kind)}"
        return {"problem": problem, "file": "{}", "entries": 0}
    groups = {row.get("group") or row["name"] for row in tree.get("gateways", [])}
    for number, row in enumerate(tree.get("routes", []), start=1):
        if row["group"] not in groups:
            problem = (
                f"sipbox_lcr, entry {number}: no gateway of sipbox_gateways is in the group {row['group']!r};"
                f" write one of {', '.join(sorted(groups)) or 'its gateways first'}"
            )
            return {"problem": problem, "file": "{}", "entries": 0}
    return {"problem": "", "file": json.dumps(tree), "entries": sum(map(len, tree.values()))}


def _plain(value: Any) -> Any:
    """Numbers as text, as the program reads its own files."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value)


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Any]:
        return {"sipbox_gateways": sipbox_gateways}
