"""The commands of the module lcr: lcr_reload, lcr_dump, and its halves by later names, lcr_gw_dump and
lcr_lcr_dump.

What changes in the tables takes effect within a second by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from appliance.agent.commands.command import Arguments, Command
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError


def _reload(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    try:
        process.ask_storage("peers_reload")
    except ServerDown:
        raise
    except ControlError:
        raise CommandRefused(400, "Reload of gateways failed") from None
    yield Tree()


def _dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree((*_gateways(process), *_routes(process)))


def _gw_dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(_gateways(process))


def _lcr_dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(_routes(process))


def _gateways(process: SipProcess) -> tuple[Node, ...]:
    return tuple(
        Node(
            "",
            "GW",
            (
                ("GRP_ID", str(row["group"])),
                ("URI", _uri(row)),
                ("STRIP", str(row["strip"])),
                ("PREFIX", row["prefix"]),
            ),
        )
        for row in process.ask("gateways")
    )


def _routes(process: SipProcess) -> tuple[Node, ...]:
    return tuple(
        Node(
            "",
            "LCR",
            (
                ("PREFIX", row["prefix"]),
                ("FROM_URI", row["from_uri"]),
                ("GRP_ID", str(row["group"])),
                ("PRIORITY", str(row["priority"])),
            ),
        )
        for row in process.ask("routes")
    )


def _uri(row: dict[str, Any]) -> str:
    host = f"[{row['host']}]" if ":" in row["host"] else row["host"]
    by = f";transport={row['transport']}" if row["transport"] else ""
    return f"sip:{host}:{row['port'] or 5060}{by}"


COMMANDS = {
    "lcr_reload": Command(_reload, takes_input=False),
    "lcr_dump": Command(_dump, takes_input=False),
    "lcr_gw_dump": Command(_gw_dump, takes_input=False),
    "lcr_lcr_dump": Command(_lcr_dump, takes_input=False),
}
