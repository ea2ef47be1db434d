"""The commands of the module permissions: trusted_reload, trusted_dump, address_reload, address_dump,
subnet_dump.

OpenSER tells a single address by ``address_dump`` and a network by ``subnet_dump``; the number before each is
its place in a hash table of 128 slots. What changes in the tables takes effect within a second by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from zlib import crc32

from appliance.agent.commands.command import Arguments, Command
from appliance.agent.mi import CommandRefused, Node, Tree
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.errors import ControlError

SLOTS = 128
PROTOCOLS = {"any": 0, "udp": 1, "tcp": 2, "tls": 3, "sctp": 4}


def _reload(what: str) -> Callable[[SipProcess, Arguments], Iterable[Tree]]:
    def run(process: SipProcess, _: Arguments) -> Iterable[Tree]:
        try:
            process.ask_storage("peers_reload")
        except ServerDown:
            raise
        except ControlError:
            raise CommandRefused(400, f"{what} table reload failed") from None
        yield Tree()

    return run


def _trusted_dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    rows = process.ask("trusted")
    yield Tree(
        tuple(
            Node(
                f"{_slot(row['host'])} <{row['host']}, {PROTOCOLS.get(row['proto'], 0)},"
                f" {row['pattern'] or 'NULL'}, {row['tag'] or 'NULL'}>"
            )
            for row in rows
            if row["proto"] != "none"
        )
    )


def _address_dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    yield Tree(
        tuple(
            Node(f"{_slot(row['host'])} <{row['group']}, {row['host']}, {row['port']}>")
            for row in process.ask("addresses")
            if _is_single(row)
        )
    )


def _subnet_dump(process: SipProcess, _: Arguments) -> Iterable[Tree]:
    networks = [row for row in process.ask("addresses") if not _is_single(row)]
    yield Tree(
        tuple(
            Node(f"{index:4d} <{row['group']}, {row['host']}, {row['mask']}, {row['port']}>")
            for index, row in enumerate(networks)
        )
    )


def _is_single(row: dict[str, Any]) -> bool:
    return int(row["mask"]) == ip_address(row["host"]).max_prefixlen


def _slot(text: str) -> str:
    return f"{crc32(text.encode()) % SLOTS:4d}"


COMMANDS = {
    "trusted_reload": Command(_reload("Trusted"), takes_input=False),
    "trusted_dump": Command(_trusted_dump, takes_input=False),
    "address_reload": Command(_reload("Address"), takes_input=False),
    "address_dump": Command(_address_dump, takes_input=False),
    "subnet_dump": Command(_subnet_dump, takes_input=False),
}
