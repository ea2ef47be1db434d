"""The domain module's commands: domain_reload, domain_dump.

What changes in the table takes effect within a second by itself; ``domain_reload`` is there for those who are
used to it, and says whether the rows could be read.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import Arguments, Command
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError


def _reload(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    try:
        process.ask_storage("domains_reload")
    except ServerDown:
        raise
    except ControlError:
        raise CommandRefused(500, "Domain table reload failed") from None
    yield Tree()


def _dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(tuple(Node(row["host"]) for row in process.ask("domains")))


COMMANDS = {
    "domain_reload": Command(_reload, takes_input=False),
    "domain_dump": Command(_dump, takes_input=False),
}
