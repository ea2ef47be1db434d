"""The command of the module pike: pike_list, the addresses that are blocked now.

OpenSER's pike shows its tree of addresses; here there is none, and those that are banned are told.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import Arguments, Command
from appliance.agent.mi import Node, Tree
from appliance.agent.sip_process import SipProcess


def _list(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(
        tuple(
            Node(
                row["source"],
                "IPv6" if ":" in row["source"] else "IPv4",
                (("status", "BLOCKED"), ("expires", str(row["seconds"]))),
            )
            for row in process.ask("bans")
        )
    )


COMMANDS = {"pike_list": Command(_list, takes_input=False)}
