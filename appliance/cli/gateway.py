"""``sipbox gateway``: the gateways to the telephone network (openserctl's lcr addgw; table gw)."""

from __future__ import annotations

import click

from appliance.cli.gateway_apply import apply
from appliance.cli.gateway_usage import as_usage
from appliance.cli.gateway_words import TRANSPORTS, gateway_row
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_table
from appliance.errors import ControlError, StorageError

_TRANSPORT_OF = {number: name for name, number in TRANSPORTS.items()}


@click.group(cls=Noun)
def gateway() -> None:
    """Gateways to the telephone network. What is changed here counts at once, without a restart."""


@gateway.command()
@click.argument("name")
@click.argument("address")
@click.option("--group", default="", metavar="GROUP", help="Whose calls it shares.  [default: NAME alone]")
@click.option(
    "--port",
    default=0,
    metavar="PORT",
    help="Where it listens, and sends from over UDP.  [default: 5060, any]",
)
@click.option("--transport", type=click.Choice(list(TRANSPORTS)), default="any", show_default=True)
@click.option("--strip", default=0, metavar="N", help="So many digits are taken from the number.")
@click.option("--prefix", default="", metavar="DIGITS", help="These are put before it then.")
@click.option("--hostname", default="", metavar="HOST", help="Stands in the Request-URI, not ADDRESS.")
@invocation
def add(
    run: Invocation,
    name: str,
    address: str,
    group: str,
    port: int,
    transport: str,
    strip: int,
    prefix: str,
    hostname: str,
) -> None:
    """NAME is a gateway at the IP address ADDRESS."""
    with as_usage():
        row = gateway_row(
            name,
            address,
            group=group,
            port=port,
            transport=transport,
            strip=strip,
            prefix=prefix,
            hostname=hostname,
        )
    from appliance.storage.administration import gateways

    with run.database() as database:
        taken = f"there is a gateway {name} already; 'sipbox gateway remove {name}' first"
        gateways.add(database, "gw", row, taken)
    run.forget("gw", ("", ""))
    say(f"{name} is a gateway of the group {row['group']}; 'sipbox route add' sends numbers there")


@gateway.command()
@click.argument("name")
@yes_option
@invocation
def remove(run: Invocation, name: str, yes: bool) -> None:
    """Take the gateway NAME away; calls that are up go on."""
    from appliance.storage.administration import gateways

    confirm(f"Send no more calls to {name}?", yes)
    with run.database() as database:
        if not gateways.remove(database, "gw", gw_name=name):
            raise StorageError(f"there is no gateway {name}; 'sipbox gateway list' shows all")
    run.forget("gw", ("", ""))
    say(f"{name} is no gateway any more")


@gateway.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the gateways, and which of them has just failed."""
    from appliance.storage.administration import gateways

    with run.database() as database:
        rows = gateways.every(database, "gw")
    resting = _resting(run)
    for row in rows:
        row["transport"] = _TRANSPORT_OF.get(row["transport"] or 0, str(row["transport"]))
        row["rests"] = resting.get(row["id"], 0)
    if as_json:
        show_json(rows)
        return
    told = [
        (
            row["gw_name"],
            row["group"],
            row["ip_addr"],
            row["port"] or 5060,
            row["transport"],
            row["strip"] or 0,
            row["prefix"] or "",
            row["hostname"] or "",
            f"failed, last for {row['rests']} s" if row["rests"] else "",
        )
        for row in rows
    ]
    columns = ("Gateway", "Group", "Address", "Port", "Transport", "Strip", "Prefix", "Host", "State")
    show_table(columns, told, "no gateways")


gateway.add_command(apply)


def _resting(run: Invocation) -> dict[int, int]:
    """For how many seconds others come first, by the gateway's number; nothing when nobody can be asked."""
    try:
        return {row["id"]: row["rests"] for row in run.ask("gateways")}
    except ControlError:
        return {}
