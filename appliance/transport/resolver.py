"""Names as the proxy asks for them: addresses, and the records that say where a domain's servers are.

What this machine's own hosts file says of a name comes before the DNS, and such a name has no other servers.
A name of one label is looked for in the search list. IPv6 addresses come first where there is a way to them
(RFC 6724 §6). Blocks the calling greenlet only. Must not know which record is used for what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv
from appliance.transport.dns_question import Records
from appliance.transport.machine_names import MachineNames
from appliance.transport.name_servers import NameServers, Question, naptr_in
from appliance.transport.sources import source_for

_LONGEST_NAME, _LONGEST_LABEL = 253, 63


class Resolver:
    """Asks ``servers``, after ``machine``."""

    def __init__(self, servers: NameServers, machine: MachineNames) -> None:
        self._servers = servers
        self._machine = machine

    def addresses_of(self, hosts: Sequence[str]) -> list[list[str]]:
        """IP addresses of each host name, in the order of preference; empty for one that has none or where
        nobody answers in time."""
        machine, search = self._machine, self._machine.search
        hosts = [host.lower() for host in hosts]
        wanted = [[] if machine.addresses(host) else _names_of(host, search) for host in hosts]
        answers = self._servers.ask_all(
            [Question(name, kind) for names in wanted for name in names for kind in ("A", "AAAA")]
        )
        return [
            list(machine.addresses(host)) or _first_of(names, answers)
            for host, names in zip(hosts, wanted, strict=True)
        ]

    def services(
        self, host: str, services: Sequence[str], *, naptr: bool
    ) -> tuple[Sequence[Naptr], list[Sequence[Srv]]]:
        """The NAPTR records of a domain, if they are wanted, and the SRV records of each of its services
        (``_sip._udp``), asked for at once."""
        host = host.lower().removesuffix(".")
        if not _may_have_records(host) or self._machine.addresses(host):
            return (), [()] * len(services)
        names = [f"{service}.{host}" for service in services]
        questions = [Question(name, "SRV") for name in names]
        answers = self._servers.ask_all([Question(host, "NAPTR"), *questions] if naptr else questions)
        found = naptr_in(answers[Question(host, "NAPTR")]) if naptr else ()
        return found, [_srv_in(answers[each]) for each in questions]

    def srv(self, names: Sequence[str]) -> list[Sequence[Srv]]:
        """The SRV records of each name, asked for at once."""
        questions = [Question(name, "SRV") for name in names]
        answers = self._servers.ask_all(questions)
        return [_srv_in(answers[each]) for each in questions]


def _first_of(names: Sequence[str], answers: Mapping[Question, Records]) -> list[str]:
    """The addresses of the first of these names that has some."""
    for name in names:
        four, six = (
            [each for each in answers[Question(name, kind)] if isinstance(each, str)]
            for kind in ("A", "AAAA")
        )
        if four or six:
            return [*six, *four] if not four or (six and source_for(six[0])) else [*four, *six]
    return []


def _srv_in(records: Records) -> tuple[Srv, ...]:
    return tuple(each for each in records if isinstance(each, Srv))


def _names_of(host: str, search: Sequence[str]) -> list[str]:
    """What the DNS is asked for."""
    host = host.removesuffix(".")
    if not _is_name(host):
        return []
    if "." in host:
        return [host]
    return [*(f"{host}.{domain}" for domain in search), host]


def _may_have_records(host: str) -> bool:
    return "." in host and _is_name(host)


def _is_name(host: str) -> bool:
    """Whether it can be in the DNS (RFC 1035 §2.3.4); none ends with a number (RFC 1123 §2.1)."""
    labels = host.split(".")
    return (
        len(host) <= _LONGEST_NAME
        and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        and not labels[-1].isdigit()
    )
