"""The command of the module nathelper: nh_enable_ping."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import Arguments, Command, number, values
from appliance.agent.mi import Tree
from appliance.agent.sip_process import SipProcess


def _enable_ping(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """0 is off, any other number on; there is nothing to switch where the settings say that none are sent."""
    (mode,) = values(arguments, 1)
    process.ask("nat_ping", enabled=bool(number(mode)))
    yield Tree()


COMMANDS = {"nh_enable_ping": Command(_enable_ping)}
