"""``sipbox gateway apply``: gateways, routes and trusted peers made so as a file wants them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from appliance.cli.entries import BadEntry
from appliance.cli.gateway_entries import rows_of
from appliance.cli.invocation import Invocation, Verb, confirm, invocation, json_option, yes_option
from appliance.cli.output import show_applied


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

    name = "standard input" if file == "-" else file
    rows = rows_of(_tree(file, name), name, address_group)
    return Wanted(rows["gw"], rows["lcr"], rows["trusted"], rows["address"])


def _tree(file: str, name: str) -> Any:
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts, lists and mappings only
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadEntry(name, f"cannot be read ({' '.join(str(error).split())}); name a YAML file") from error
