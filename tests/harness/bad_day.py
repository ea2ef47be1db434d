"""Calls of every kind, made side by side by SIPp while something is broken, and what they have to add up to.

::

    with BadDay(mariadb.url("openser"), tmp_path, calls=30, rate=5) as day:
        mariadb.stop()
        ...
        day.assert_sums()

Some are answered and hung up, others end busy, are given up by the caller, answered by nobody, or are for
somebody who is not registered; or they come from the telephone network or go there, by gateways that work,
answer 503, or say nothing. Whatever happens to the database meanwhile, each call has the end that it would
have had anyway.
"""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness import sipp
from tests.harness.accounts import assert_sums
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.world import World

#: The gateways: one that works, one that answers 503, one that says nothing, and one that calls.
GOOD, REFUSING, SILENT, CALLING = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
#: What the server has to be told beforehand: nobody waits for long, and an outage is noticed at once.
SETTINGS: Sections = {
    "sip": {"ring_seconds": 2},
    "gateway": {"answer_seconds": 1, "rest_seconds": 0},
    "database": {"connect_timeout_seconds": 1, "query_timeout_seconds": 2},
}


class Local(NamedTuple):
    """Calls to a user of ours: the scenarios of SIPp at both sides, and the status that they end with."""

    user: str
    caller: str
    callee: str
    status: str


LOCAL = (
    Local("11", "caller", "callee", "200"),
    Local("12", "refused_caller", "busy_callee", "486"),
    Local("13", "cancelling_caller", "cancelled_callee", "487"),
    Local("14", "refused_caller", "cancelled_callee", "408"),
    Local("15", "refused_caller", "", "480"),
    Local("16", "calling_gateway", "callee", "200"),
    Local("17", "caller", "", "200"),
)
#: Who has his calls forwarded into the telephone network, for his own money.
FORWARDING = "17"
#: The gateways for numbers with this prefix, in the order in which they are tried, and how such calls end.
OUTSIDE = {
    "01": ((GOOD,), "200"),
    "02": ((REFUSING, GOOD), "200"),
    "03": ((SILENT, GOOD), "200"),
    "04": ((REFUSING,), "500"),
    "05": ((SILENT,), "408"),
    "06": ((SILENT, REFUSING), "408"),
}


class BadDay(World):
    """``calls`` of each kind, ``rate`` of each in a second, from the moment in which it is entered.

    ``box`` is the server, which has this database for itself.
    """

    def __init__(self, database_url: str, directory: Path, *, calls: int, rate: int) -> None:
        super().__init__()
        self.box = Sipbox(database_url, settings=SETTINGS)
        self.calls, self._directory, self._rate = calls, directory, rate
        self.timeout = calls / rate + 90
        self._calling_port = free_port(address=CALLING)
        self._callers: list[Sipp] = []
        self._callees: list[Sipp] = []

    @property
    def all_calls(self) -> int:
        return self.calls * (len(LOCAL) + len(OUTSIDE))

    def _begin(self) -> None:
        self._stack.callback(self.box.close)
        self.box.create_database()
        users = ("10", *(local.user for local in LOCAL))
        self.box.add_subscribers({user: f"secret-{user}" for user in users})
        self._add_gateways()
        self.box.start()
        keys = {"domain": self.box.domain, "expires": "3600", "contact_transport": "udp"}
        phones = []
        for local in LOCAL:
            if local.callee:
                port = self._answer(local.callee, self.calls).port
                phones.append(
                    [local.user, sipp.digest(local.user, f"secret-{local.user}"), f"127.0.0.1:{port}"]
                )
        count = len(phones)
        sipp.run("register", self._directory, self.box.address, users=phones, keys=keys, calls=count)
        for local in LOCAL:
            self._call(local.caller, local.user, local.status)
        for prefix, (_, status) in OUTSIDE.items():
            self._call("caller" if status == "200" else "refused_caller", f"{prefix}23456", status)

    def _add_gateways(self) -> None:
        """They run, and rows say where they are and who may call them."""
        ways = [address for addresses, _ in OUTSIDE.values() for address in addresses]
        # Those that are forwarded come there as well.
        good = self._answer("callee", self.calls * (ways.count(GOOD) + 1), address=GOOD)
        refused, values = self.calls * ways.count(REFUSING), {"STATUS": "503"}
        refusing = self._answer("refusing_gateway", refused, address=REFUSING, values=values)
        silent = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind((SILENT, 0))
        ports = {GOOD: good.port, REFUSING: refusing.port, SILENT: silent.getsockname()[1]}
        ports[CALLING] = self._calling_port
        groups = {address: number for number, address in enumerate(ports, 1)}
        sql = self.box.sql
        for address, port in ports.items():
            group = groups[address]
            sql(f"insert into gw_grp (grp_id, grp_name) values ({group}, 'to {address}')")
            sql(
                "insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport)"
                f" values ('to {address}', {group}, '{address}', {port}, 1, 1)"
            )
        for prefix, (addresses, _) in OUTSIDE.items():
            for priority, address in enumerate(addresses):
                row = f"('{prefix}', {groups[address]}, {priority})"
                sql(f"insert into lcr (prefix, grp_id, priority) values {row}")
        for user in ("10", FORWARDING):
            sql(f"insert into grp (username, domain, grp) values ('{user}', '{self.box.domain}', 'ld')")
        target = f"sip:0123456@{self.box.domain}"
        sql(
            "insert into usr_preferences (username, domain, attribute, value)"
            f" values ('{FORWARDING}', '{self.box.domain}', 'fwd_always_target', '{target}')"
        )

    def _answer(self, scenario: str, calls: int, **options: Any) -> Sipp:
        options.setdefault("values", {"LINGER": "0"})
        callee = Sipp(scenario, self._directory, calls=calls, timeout=self.timeout, **options)
        self._callees.append(self._stack.enter_context(callee))
        return callee

    def _call(self, scenario: str, number: str, status: str) -> None:
        outside = scenario == "calling_gateway"
        caller = Sipp(
            scenario,
            self._directory,
            target=self.box.address,
            address=CALLING if outside else LOOPBACK,
            port=self._calling_port if outside else None,
            users=[[number] if outside else ["10", sipp.digest("10", "secret-10"), number]],
            keys={"domain": self.box.domain},
            values={"STATUS": status},
            calls=self.calls,
            rate=self._rate,
            pause_ms=1500,
            timeout=self.timeout,
        )
        self._callers.append(self._stack.enter_context(caller))

    @property
    def so_far(self) -> int:
        """How many calls are over, up to the last second."""
        return sum(each.so_far for each in self._callers)

    def assert_sums(self) -> None:
        """All calls have ended as on any other day, and the rows say so: as many as SIPp has made."""
        for each in (*self._callers, *self._callees):
            each.succeed()
        made = sum(each.statistics().successful for each in self._callers)
        assert made == self.all_calls
        missed = Counter({local.status: self.calls for local in LOCAL if local.status != "200"})
        ends: Counter[str] = Counter()
        for status in (*(local.status for local in LOCAL), *(status for _, status in OUTSIDE.values())):
            ends[status] += self.calls
        assert_sums(self.box, ends, missed)
        charged = f"select count(*) from cdrs where account = '{FORWARDING}@{self.box.domain}'"
        assert self.box.sql(charged) == [(self.calls,)]
