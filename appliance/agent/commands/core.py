"""The core's commands: uptime, version, pwd, arg, which, ps, kill, the statistics, list_blacklists.

They report the SIP process, not the agent: ``Up since`` is when calls could be made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping

from appliance.agent.commands.command import Arguments, Command, values
from appliance.agent.mi import CommandRefused, Node, Tree, wrong_count
from appliance.agent.sip_process import SipProcess


def _uptime(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    told = process.ask("process")
    now, started = int(told["now"]), int(told["started"])
    yield Tree(
        (
            Node(time.ctime(now), "Now"),
            Node(time.ctime(started), "Up since"),
            Node(f"{max(now - started, 0)} [sec]", "Up time"),
        )
    )


def _version(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree((Node(process.ask("process")["server"], "Server"),))


def _pwd(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree((Node(process.ask("process")["directory"], "WD"),))


def _arg(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(tuple(Node(argument) for argument in process.ask("process")["arguments"]))


def _ps(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    told = [(row["pid"], row["type"]) for row in process.ask("processes")]
    if os.getpid() not in {pid for pid, _ in told}:
        told.append((os.getpid(), "MI FIFO"))
    yield Tree(
        tuple(
            Node("", "Process", (("ID", str(index)), ("PID", str(pid)), ("Type", kind)))
            for index, (pid, kind) in enumerate(told)
        )
    )


def _kill(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    """It ends the server, so nobody is left who could answer."""
    process.ask("kill")
    return ()


def _get_statistics(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    found = process.ask("statistics", names=_names(arguments))
    if not found:
        raise CommandRefused(404, "Statistics Not Found")
    yield Tree(tuple(Node(f"{row['group']}:{row['name']} = {row['value']}") for row in found))


def _reset_statistics(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    if not process.ask("reset_statistics", names=_names(arguments)):
        raise CommandRefused(404, "Statistics Not Found")
    yield Tree()


def _names(arguments: Arguments) -> list[str]:
    if not arguments:
        raise wrong_count()
    return [value for value in values(arguments, len(arguments)) if value]


def _list_blacklists(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    """One list: the addresses at which nobody has answered a moment ago. Others come before them."""
    failed = process.ask("failed_destinations")
    if not failed:
        yield Tree()
        return
    rules = tuple(
        Node(
            "",
            "Rule",
            (("flags", "0"),),
            (
                Node(row["host"], "IP"),
                Node("128" if ":" in row["host"] else "32", "Mask"),
                Node(row["transport"], "Proto"),
                Node(str(row["port"]), "Port"),
                Node(str(row["seconds"]), "Expires"),
            ),
        )
        for row in failed
    )
    yield Tree((Node("failed", "List", (("owner", "0"), ("flags", "0")), rules),))


def which(commands: Mapping[str, Command]) -> Command:
    """The command that lists ``commands``; with the SIP process down it fails, as they all do."""

    def run(process: SipProcess, _: Arguments) -> Iterable[Tree]:
        process.ask("process")
        yield Tree(tuple(Node(name) for name in sorted(commands)))

    return Command(run, takes_input=False)


COMMANDS = {
    "uptime": Command(_uptime, takes_input=False),
    "version": Command(_version, takes_input=False),
    "pwd": Command(_pwd, takes_input=False),
    "arg": Command(_arg, takes_input=False),
    "ps": Command(_ps, takes_input=False),
    "kill": Command(_kill, takes_input=False),
    "get_statistics": Command(_get_statistics),
    "reset_statistics": Command(_reset_statistics),
    "list_blacklists": Command(_list_blacklists, takes_input=False),
}
