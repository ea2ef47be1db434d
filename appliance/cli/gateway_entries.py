"""The entries of a file of gateways, routes and trusted peers, or of an inventory, as rows.

Values are texts. Needs nothing beyond the standard library, as ``gateway_words``. Must not know where the
entries come from, nor what is done with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from appliance.cli.entries import BadEntry
from appliance.cli.gateway_words import BadRow, Row, address_row, gateway_row, route_row, trusted_row

#: The lists, and what an entry of each may say: the first ones it has to.
COLUMNS = {
    "gateways": ("name", "address", "group", "port", "transport", "strip", "prefix", "hostname"),
    "routes": ("prefix", "group", "from", "priority"),
    "trusted": ("address", "proto", "from", "tag", "port"),
}
_NEEDED = {"gateways": 2, "routes": 2, "trusted": 1}


def rows_of(tree: Any, name: str, address_group: int) -> dict[str, list[Row]]:
    """The rows by their table: gw, lcr, trusted, address. BadEntry says where something is wrong."""
    if not isinstance(tree, Mapping) or set(tree) - set(COLUMNS):
        raise BadEntry(name, f"has to hold lists under {', '.join(COLUMNS)}")
    rows: dict[str, list[Row]] = {"gw": [], "lcr": [], "trusted": [], "address": []}
    for kind in COLUMNS:
        for table, row in _rows(tree.get(kind), kind, name, address_group):
            rows[table].append(row)
    return rows


def _rows(entries: Any, kind: str, file: str, address_group: int) -> list[tuple[str, Row]]:
    if entries in (None, ""):
        return []
    if not isinstance(entries, list):
        raise BadEntry(file, f"{kind} has to be a list")
    make: Callable[[Row, int], tuple[str, Row]] = _MAKERS[kind]
    found = []
    for number, entry in enumerate(entries, start=1):
        place = f"{file}: {kind}, entry {number}"
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            raise BadEntry(place, "has to be a mapping of texts and numbers")
        for column in entry:
            if column not in COLUMNS[kind]:
                raise BadEntry(place, f"there is no {column!r}; allowed are {', '.join(COLUMNS[kind])}")
        for column in COLUMNS[kind][: _NEEDED[kind]]:
            if not entry.get(column):
                raise BadEntry(place, f"has no {column}; every entry needs one")
        try:
            found.append(make(dict(entry), address_group))
        except BadRow as error:
            raise BadEntry(place, str(error)) from error
    return found


def _gateway(entry: Row, _: int) -> tuple[str, Row]:
    return "gw", gateway_row(entry.pop("name"), entry.pop("address"), **entry)


def _route(entry: Row, _: int) -> tuple[str, Row]:
    from_uri = entry.pop("from", "")
    return "lcr", route_row(entry.pop("prefix"), entry.pop("group"), from_uri=from_uri, **entry)


def _trusted(entry: Row, address_group: int) -> tuple[str, Row]:
    address = entry.pop("address")
    if "/" in address:
        if set(entry) - {"port"}:
            raise BadRow("a network has a port only; proto, from and tag are for an address")
        if not address_group:
            raise BadRow("gateway.address_group is 0 in the settings: no network is trusted")
        return "address", address_row(address, address_group, **entry)
    if "port" in entry:
        raise BadRow("a port is for a network; an address is trusted from any port")
    from_uri = entry.pop("from", "")
    return "trusted", trusted_row(address, from_uri=from_uri, **entry)


_MAKERS = {"gateways": _gateway, "routes": _route, "trusted": _trusted}
