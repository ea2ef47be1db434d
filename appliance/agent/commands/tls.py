"""The commands of the module tls, by OpenSIPS' names: tls_list, tls_reload. OpenSER 1.2 had none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from appliance.agent.commands.command import Arguments, Command
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError


def _list(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    nodes = []
    for row in process.ask("certificates"):
        expires = datetime.fromtimestamp(row["expires"], UTC)
        told = (("name", row["name"]), ("file", row["file"]), ("expires", f"{expires:%Y-%m-%dT%H:%M:%SZ}"))
        nodes.append(Node("", "Certificate", told))
    yield Tree(tuple(nodes))


def _reload(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    try:
        process.ask("certificates_reload")
    except ServerDown:
        raise
    except ControlError as error:
        raise CommandRefused(500, error.reason) from None
    yield Tree()


COMMANDS = {
    "tls_list": Command(_list, takes_input=False),
    "tls_reload": Command(_reload, takes_input=False),
}
