"""``sipbox trusted``: peers that are known by their address, and not asked for a password (tables trusted and
address)."""

from __future__ import annotations

from typing import Any

import click

from appliance.cli.gateway_usage import as_usage
from appliance.cli.gateway_words import PROTOCOLS, address_row, trusted_row
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_table
from appliance.errors import StorageError


@click.group(cls=Noun)
def trusted() -> None:
    """Peers that are known by their address: they call without a password."""


@trusted.command()
@click.argument("address")
@click.option("--proto", type=click.Choice(PROTOCOLS), default="any", show_default=True)
@click.option("--from", "from_uri", default="", metavar="PATTERN", help="Only when it fits From.")
@click.option("--tag", default="", metavar="GROUPS", help="What it may call outside: local,ld,int.")
@click.option("--port", default=0, metavar="PORT", help="Of a network: only from this port.")
@invocation
def add(run: Invocation, address: str, proto: str, from_uri: str, tag: str, port: int) -> None:
    """Trust ADDRESS, an IP address, or a network such as 192.0.2.0/24."""
    from appliance.storage.administration import gateways

    with as_usage():
        table, row = _row(run, address, proto, from_uri, tag, port)
    with run.database() as database:
        taken = f"{address} is trusted so already; 'sipbox trusted remove {address}' first"
        gateways.add(database, table, row, taken)
    run.forget(table, ("", ""))
    say(f"{address} is trusted: it calls without a password")


@trusted.command()
@click.argument("address")
@yes_option
@invocation
def remove(run: Invocation, address: str, yes: bool) -> None:
    """Trust ADDRESS no more, with all that was said of it."""
    from appliance.storage.administration import gateways

    with as_usage():
        if "/" in address:
            row = address_row(address, 0)
            table, key = "address", {"ip_addr": row["ip_addr"], "mask": row["mask"]}
        else:
            table, key = "trusted", {"src_ip": trusted_row(address)["src_ip"]}
    confirm(f"Trust {address} no more?", yes)
    with run.database() as database:
        if not gateways.remove(database, table, **key):
            raise StorageError(f"{address} is not trusted; 'sipbox trusted list' shows who is")
    run.forget(table, ("", ""))
    say(f"{address} is trusted no more")


@trusted.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List who is trusted: addresses, then networks."""
    from appliance.storage.administration import gateways

    with run.database() as database:
        peers = gateways.every(database, "trusted")
        networks = gateways.every(database, "address")
    if as_json:
        show_json({"trusted": peers, "address": networks})
        return
    group = run.settings.gateway.address_group
    told = [(row["src_ip"], row["proto"], row["from_pattern"] or "", row["tag"] or "") for row in peers]
    told += [
        (
            f"{row['ip_addr']}/{row['mask']}",
            f"any, port {row['port']}" if row["port"] else "any",
            "",
            "" if row["grp"] == group else f"not in use: group {row['grp']}",
        )
        for row in networks
    ]
    show_table(("Address", "Protocol", "From", "Tag"), told, "nobody is trusted")


def _row(
    run: Invocation, address: str, proto: str, from_uri: str, tag: str, port: int
) -> tuple[str, dict[str, Any]]:
    """Which table, and the row."""
    if "/" not in address:
        if port:
            raise click.UsageError("--port is for a network; an address is trusted from any port")
        return "trusted", trusted_row(address, proto=proto, from_uri=from_uri, tag=tag)
    if proto != "any" or from_uri or tag:
        raise click.UsageError("a network has --port only; --proto, --from and --tag are for an address")
    group = run.settings.gateway.address_group
    if not group:
        raise click.UsageError("gateway.address_group is 0 in the settings: no network is trusted")
    return "address", address_row(address, group, port=port)
