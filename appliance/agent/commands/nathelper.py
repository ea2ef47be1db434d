"""The commands of the module nathelper: nh_enable_ping, nh_enable_rtpp, nh_show_rtpp."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import Arguments, Command, number, values
from appliance.agent.mi import Node, Tree
from appliance.agent.sip_process import SipProcess


def _enable_ping(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """0 is off, any other number on; there is nothing to switch where the settings say that none are sent."""
    (mode,) = values(arguments, 1)
    process.ask("nat_ping", enabled=bool(number(mode)))
    yield Tree()


def _enable_rtpp(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """A node, as nh_show_rtpp names it. 0: new calls go to others, any other number: to it as well."""
    name, mode = values(arguments, 2)
    process.ask("media_enable", node=name.removeprefix("udp:"), enabled=bool(number(mode)))
    yield Tree()


def _show_rtpp(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    """One line for each node. All are of one set and of one weight, and are looked after all the time."""
    yield Tree(
        tuple(
            Node(
                name=f"udp:{node['node']}",
                attributes=(
                    ("set", "0"),
                    ("index", str(index)),
                    ("disabled", str(int(not (node["up"] and node["enabled"])))),
                    ("weight", "1"),
                    ("recheck_ticks", "0"),
                ),
            )
            for index, node in enumerate(process.ask("media_nodes"))
        )
    )


COMMANDS = {
    "nh_enable_ping": Command(_enable_ping),
    "nh_enable_rtpp": Command(_enable_rtpp),
    "nh_show_rtpp": Command(_show_rtpp, takes_input=False),
}
