"""``sipbox gateway apply``: gateways, routes and trusted peers made so as a file wants them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance.cli.entries import BadEntry
from appliance.cli.gateway_words import address_row, gateway_row, route_row, trusted_row
from appliance.cli.invocation import Invocation, Verb, confirm, invocation, json_option, yes_option
from appliance.cli.output import show_applied

Row = dict[str, Any]
#: The lists of the file, and what an entry of each may say: the first ones it has to.
COLUMNS = {
    "gateways": ("name", "address", "group", "port", "transport", "strip", "prefix", "hostname"),
    "routes": ("prefix", "group", "from", "priority"),
    "trusted": ("address", "proto", "from", "tag", "port"),
}
_NEEDED = {"gateways": 2, "routes": 2, "trusted": 1}


@click.command(cls=Verb)
@click.argument("file", metavar="FILE")
@click.option("--check", is_flag=True, help="Change nothing; say whether something would change.")
@click.option("--diff", is_flag=True, help="Print each change.")
@click.option("--remove", is_flag=True, help="Remove all that FILE does not have.")
@json_option
@yes_option
@invocation
def apply(
    run: Invocation, file: str, check: bool, diff: bool, remove: bool, as_json: bool, yes: bool
) -> None:
    """Make gateways, routes and trusted peers as FILE (YAML; - is standard input) says: all, or none."""
    from appliance.storage.administration import gateways

    wanted = _wanted(file, run.settings.gateway.address_group)
    with run.database() as database:
        done = gateways.apply(database, wanted, remove=remove, check=check or (remove and not yes))
        if remove and not yes and not check:
            if done.removed:
                confirm(f"Remove {', '.join(done.removed[:5])}?", yes)
            done = gateways.apply(database, wanted, remove=remove)
    changed = bool(done.lines)
    if changed and not check:
        run.forget("gw", ("", ""))
    told = {"added": done.added, "changed_rows": done.changed, "removed": done.removed}
    show_applied(changed, told, done.lines, as_json=as_json, diff=diff, check=check)


def _wanted(file: str, address_group: int) -> Any:
    """The file's entries as rows. BadEntry says where something is wrong, and what to do."""
    from appliance.storage.administration.gateways import Wanted

    tree = _tree(file)
    rows: dict[str, list[tuple[str, Row]]] = {
        kind: _rows(tree.get(kind), kind, file, address_group) for kind in COLUMNS
    }
    peers = rows["trusted"]
    return Wanted(
        [row for _, row in rows["gateways"]],
        [row for _, row in rows["routes"]],
        [row for table, row in peers if table == "trusted"],
        [row for table, row in peers if table == "address"],
    )


def _tree(file: str) -> dict[str, Any]:
    import yaml

    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        tree = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts, lists and mappings only
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadEntry(name, f"cannot be read ({' '.join(str(error).split())}); name a YAML file") from error
    if not isinstance(tree, dict) or set(tree) - set(COLUMNS):
        raise BadEntry(name, f"has to hold lists under {', '.join(COLUMNS)}")
    return tree


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
        except click.UsageError as error:
            raise BadEntry(place, error.message) from error
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
            raise click.UsageError("a network has a port only; proto, from and tag are for an address")
        if not address_group:
            raise click.UsageError("gateway.address_group is 0 in the settings: no network is trusted")
        return "address", address_row(address, address_group, **entry)
    if "port" in entry:
        raise click.UsageError("a port is for a network; an address is trusted from any port")
    from_uri = entry.pop("from", "")
    return "trusted", trusted_row(address, from_uri=from_uri, **entry)


_MAKERS = {"gateways": _gateway, "routes": _route, "trusted": _trusted}
