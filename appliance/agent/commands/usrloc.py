"""The location module's commands: ul_add, ul_rm, ul_rm_contact, ul_show_contact, ul_dump, ul_flush.

There is one table, ``location``. An address of record is always ``user@domain`` here (OpenSER's
``use_domain``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any
from zlib import crc32

from appliance.agent.commands.command import Arguments, Command, number, values
from appliance.agent.mi import CommandRefused, Node, Tree, bad_parameter, wrong_count
from appliance.agent.sip_process import SipProcess

TABLE = "location"
SLOTS = 512
EVERY_METHOD = 0xFFFFFFFF

_Q = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def _rm(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """Removes a user who is not there as well: OpenSER says 200 to that."""
    table, aor = values(arguments, 2)
    process.ask_storage("registration_remove", aor=_aor(table, aor))
    yield Tree()


def _rm_contact(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    table, aor, contact = values(arguments, 3)
    if not process.ask("registrations", aor=_aor(table, aor)):
        raise CommandRefused(404, "AOR not found")
    if not process.ask_storage("registration_remove", aor=aor, contact=contact):
        raise CommandRefused(404, "Contact not found")
    yield Tree()


def _add(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    table, aor, contact, expires, q, _unused, flags, cflags, methods = values(arguments, 9)
    process.ask_storage(
        "registration_add",
        aor=_aor(table, aor),
        contact=contact,
        expires=number(expires),
        q=_quality(q),
        flags=number(flags),
        cflags=number(cflags),
        methods=number(methods),
    )
    yield Tree()


def _show_contact(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    table, aor = values(arguments, 2)
    bindings = process.ask("registrations", aor=_aor(table, aor))
    if not bindings:
        raise CommandRefused(404, "AOR not found")
    alive = [binding for binding in bindings if binding["expires"] is None or binding["expires"] > 0]
    if not alive:
        raise CommandRefused(404, "AOR has no contacts")
    yield Tree(tuple(Node(_contact_line(binding), "Contact") for binding in alive))


def _dump(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    if len(arguments) > 1:
        raise wrong_count()
    brief = bool(arguments) and arguments[0].value.lower() == "brief"
    told = sorted(process.ask_storage("registrations"), key=lambda binding: str(binding["aor"]))
    aors: list[Node] = []
    filled = [0] * SLOTS
    for aor, bindings in groupby(told, key=lambda binding: str(binding["aor"])):
        filled[crc32(aor.encode("utf-8", "surrogateescape")) % SLOTS] += 1
        contacts = () if brief else tuple(map(_contact_node, bindings))
        aors.append(Node(aor, "AOR", (), contacts))
    sizes = (("table", str(SLOTS)), ("records", str(len(aors))), ("max_slot", str(max(filled))))
    yield Tree((Node(TABLE, "Domain", sizes, tuple(aors)),))


def _flush(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    process.ask_storage("flush")
    yield Tree()


def _aor(table: str, aor: str) -> str:
    if table != TABLE:
        raise CommandRefused(404, "Table not found")
    user, at, domain = aor.rpartition("@")
    if not at or not user or not domain:
        raise CommandRefused(400, "Domain missing in AOR")
    return aor


def _quality(text: str) -> float:
    if _Q.fullmatch(text) is None:
        raise bad_parameter()
    return float(text)


def _q(binding: Mapping[str, Any]) -> str:
    return "" if binding["q"] is None else f"{binding['q']:.3f}".rstrip("0").rstrip(".")


def _methods(binding: Mapping[str, Any]) -> int:
    return EVERY_METHOD if binding["methods"] is None else binding["methods"]


def _contact_line(binding: Mapping[str, Any]) -> str:
    parts = [
        f"<{binding['contact']}>",
        f"q={_q(binding)}",
        f"expires={binding['expires'] or 0}",
        f"flags=0x{binding['flags']:X}",
        f"cflags=0x{binding['cflags']:X}",
        f"socket=<{binding['socket'] or 'NULL'}>",
        f"methods=0x{_methods(binding):X}",
    ]
    parts += [f"{key}=<{binding[key]}>" for key in ("received", "user_agent", "path") if binding[key]]
    return ";".join(parts)


def _contact_node(binding: Mapping[str, Any]) -> Node:
    optional = {"User-agent": "user_agent", "Received": "received", "Path": "path"}
    children = [
        Node(_expires(binding["expires"]), "Expires"),
        Node(binding["callid"], "Callid"),
        Node(str(binding["cseq"]), "Cseq"),
        *(Node(binding[key], name) for name, key in optional.items() if binding[key]),
        Node(binding["state"], "State"),
        Node(str(binding["flags"]), "Flags"),
        Node(str(binding["cflags"]), "Cflag"),  # so OpenSER 1.2 spells it
    ]
    if binding["socket"]:
        children.append(Node(binding["socket"], "Socket"))
    children.append(Node(str(_methods(binding)), "Methods"))
    return Node(binding["contact"], "Contact", (("Q", _q(binding)),), tuple(children))


def _expires(seconds: int | None) -> str:
    if seconds is None:
        return "permanent"
    return str(seconds) if seconds > 0 else "expired"


COMMANDS = {
    "ul_rm": Command(_rm),
    "ul_rm_contact": Command(_rm_contact),
    "ul_dump": Command(_dump),
    "ul_flush": Command(_flush, takes_input=False),
    "ul_add": Command(_add),
    "ul_show_contact": Command(_show_contact),
}
