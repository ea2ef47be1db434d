"""``sipbox status``: is all well, and what is to be done if not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from appliance.cli.invocation import Invocation, Verb, invocation, json_option, say
from appliance.cli.output import duration, show_json, show_record, show_table
from appliance.errors import ControlError

EXIT_DOWN = 1
EXIT_DEGRADED = 3
_NAMES_SHOWN = 20


@click.command(cls=Verb)
@click.option("--cluster", is_flag=True, help="All boxes of the cluster, as this one knows them.")
@json_option
@click.pass_context
@invocation
def status(run: Invocation, ctx: click.Context, as_json: bool, cluster: bool) -> None:
    """Tell whether all is well, and what is to be done if not.

    Exit code 0: all is well, 1: the server is down, 3: it works, and somebody should look.
    """
    from appliance.control import ServerDown

    try:
        told: dict[str, Any] = run.ask("status")
    except ServerDown as error:
        if as_json:
            show_json(
                {"state": "down", "problems": [{"what": error.reason, "todo": "Start it: sipbox serve."}]}
            )
        else:
            click.echo("down")
            say(f"{error.reason}; 'systemctl start sipbox' or 'sipbox serve' starts it")
        ctx.exit(EXIT_DOWN)
    if cluster:
        told = _of_cluster(told)
    if as_json:
        show_json(told)
    elif cluster:
        _show_cluster(told)
    else:
        _show(told)
    if told["state"] != "ok":
        ctx.exit(EXIT_DEGRADED)


def _of_cluster(told: dict[str, Any]) -> dict[str, Any]:
    """What concerns the boxes together."""
    if not told.get("cluster"):
        raise ControlError(404, "this box is in no cluster; docs/cluster.md tells how two become one system")
    return {"state": told["state"], **told["cluster"]}


def _show_cluster(told: dict[str, Any]) -> None:
    show_table(
        ("box", "address", "state", "holds", "version", "settings", "bindings", "database", "remarks"),
        [
            (
                member["name"],
                member["address"],
                member["state"],
                told["shared_address"] if member.get("holds") else "",
                member.get("version", ""),
                member.get("settings", ""),
                member.get("bindings", ""),
                _database_of(member),
                member.get("unfit", ""),
            )
            for member in told["members"]
        ],
    )
    for problem in told["problems"]:
        click.echo(f"\n{problem['what']}\n  {problem['todo']}")


def _database_of(member: dict[str, Any]) -> str:
    if "database" not in member:
        return ""
    if member["quorum"] == "no":
        return "no majority"
    return "answers" if member["database"] else "is away"


def _show(told: dict[str, Any]) -> None:
    database = told["database"]
    since = datetime.fromtimestamp(told["started"]).astimezone()
    show_record(
        {
            "state": told["state"],
            "version": told["version"],
            "up": f"{duration(told['uptime'])} (since {since:%Y-%m-%d %H:%M:%S}, process {told['pid']})",
            "listening": ", ".join(told["listeners"]),
            "domains": _few(told["domains"]),
            "registered": f"{told['users']} users, {told['bindings']} contacts{_nated(told.get('nated', 0))}",
            "calls": told["calls"],
            **_media(told.get("media", {})),
            **_neighbours(told.get("neighbours", {})),
            **_cluster(told.get("cluster", {})),
            "database": _database(database),
            "locations": database["location_mode"],
        }
    )
    for problem in told["problems"]:
        click.echo(f"\n{problem['what']}\n  {problem['todo']}")


def _nated(count: int) -> str:
    return f", {count} of them behind a NAT" if count else ""


def _media(media: dict[str, Any]) -> dict[str, str]:
    """Nothing where no media is relayed."""
    nodes = media.get("nodes")
    if not nodes:
        return {}
    return {"media": f"{media['mode']}, {sum(nodes.values())} of {len(nodes)} nodes of rtpengine answer"}


def _neighbours(states: dict[str, bool]) -> dict[str, str]:
    """Nothing where there are no other nodes."""
    if not states:
        return {}
    return {
        "neighbours": ", ".join(f"{name}{'' if alive else ' (silent)'}" for name, alive in states.items())
    }


def _cluster(cluster: dict[str, Any]) -> dict[str, str]:
    """Nothing where a box is alone."""
    if not cluster:
        return {}
    here = sum(member["state"] in ("this", "alive") for member in cluster["members"])
    held = f", {cluster['shared_address']} is held by {' and '.join(cluster['holders']) or 'nobody'}"
    return {
        "cluster": f"{here} of {len(cluster['members'])} boxes{held if cluster['shared_address'] else ''}"
    }


def _database(database: dict[str, Any]) -> str:
    state = "answers" if database["available"] else "is away"
    spooled = f", {database['spooled']} changes wait on disk" if database["spooled"] else ""
    return f"{database['url']} {state}{spooled}"


def _few(names: list[str]) -> str:
    """The names, or the first of very many."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
