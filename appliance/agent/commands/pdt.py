"""The commands of the module pdt: pdt_list, pdt_add, pdt_delete, pdt_reload.

A row leads what users of its source domain (``*``: of any) dial with a prefix to another domain. ``pdt_list``
takes the beginnings of source domain, prefix and domain, ``.`` for any. What other programs change in the
table takes effect within a second by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import NOTHING, Arguments, Command, values
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError


def _list(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    wanted = [*values(arguments, 0, 1, 2, 3), NOTHING, NOTHING, NOTHING][:3]
    begins = ["" if text == NOTHING else text for text in wanted]
    yield Tree(
        tuple(
            Node(
                "", "PDT", (("SDOMAIN", row["source"]), ("PREFIX", row["prefix"]), ("DOMAIN", row["domain"]))
            )
            for row in process.ask("prefixes")
            if all(map(str.startswith, (row["source"], row["prefix"], row["domain"]), begins))
        )
    )


def _add(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    source, prefix, domain = values(arguments, 3)
    process.ask_storage("prefix_add", source=source, prefix=prefix, domain=domain)
    yield Tree()


def _delete(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    source, domain = values(arguments, 2)
    if not process.ask_storage("prefix_remove", source=source, domain=domain):
        raise CommandRefused(404, "Prefix not found")
    yield Tree()


def _reload(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    try:
        process.ask_storage("prefixes_reload")
    except ServerDown:
        raise
    except ControlError:
        raise CommandRefused(500, "Prefix table reload failed") from None
    yield Tree()


COMMANDS = {
    "pdt_list": Command(_list),
    "pdt_add": Command(_add),
    "pdt_delete": Command(_delete),
    "pdt_reload": Command(_reload, takes_input=False),
}
