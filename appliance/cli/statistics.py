"""``sipbox statistics``: OpenSER's counters, by their names (``core:rcv_requests``, ``usrloc:``, ``all``)."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Verb, invocation, json_option
from appliance.cli.output import show_json, show_table
from appliance.errors import ControlError


@click.command(cls=Verb)
@click.argument("names", nargs=-1)
@click.option("--reset", is_flag=True, help="Set them to zero instead, those that can be.")
@json_option
@invocation
def statistics(run: Invocation, names: tuple[str, ...], reset: bool, as_json: bool) -> None:
    """Show the statistics NAMES of the running server: `name`, `group:` or `all`, which is the default."""
    wanted = list(names) or ["all"]
    if reset:
        if not run.ask("reset_statistics", names=wanted):
            raise ControlError(404, "there is no statistic of that name")
        return
    found = run.ask("statistics", names=wanted)
    if not found:
        raise ControlError(404, "there is no statistic of that name; `sipbox statistics` lists all")
    if as_json:
        show_json({f"{row['group']}:{row['name']}": row["value"] for row in found})
    else:
        show_table(("Group", "Name", "Value"), [(row["group"], row["name"], row["value"]) for row in found])
