"""Names of hosts and services: the hosts file, the DNS, both families, and what is not asked for at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv
from appliance.transport import resolver as room
from appliance.transport.machine_names import MachineNames
from appliance.transport.name_servers import NameServers, Question
from appliance.transport.resolver import Resolver
from tests.harness.name_server import NameServer

ZONE = {
    "h.example A": ["192.0.2.7", "192.0.2.8"],
    "h.example AAAA": ["2001:db8::7"],
    "four.example A": ["192.0.2.9"],
    "short.office.example A": ["192.0.2.10"],
    "example.net": ['10 20 "s" "SIP+D2T" "" _sip._tcp.example.net.'],
    "_sip._udp.example.net SRV": ["10 60 5070 A.Example.net.", "20 0 5060 b.example.net."],
    "_sip._tcp.example.net SRV": ["0 0 0 ."],
}


class Asking:
    """A resolver with its name server and its files."""

    def __init__(self, place: Path, *, seconds: float = 8.0, **options: object) -> None:
        self.hosts, self.resolv = place / "hosts", place / "resolv.conf"
        self.counted: list[str] = []
        self.server = NameServer(dict(ZONE))
        self.machine = MachineNames(self.hosts, self.resolv)
        servers = NameServers([self.server.address], seconds, self.counted.append, self.machine, **options)  # type: ignore[arg-type]
        resolver = Resolver(servers, self.machine)
        self.addresses_of, self.services, self.srv = resolver.addresses_of, resolver.services, resolver.srv

    def addresses(self, host: str) -> list[str]:
        """Sorted by family alone: the order within one is the name server's, which changes it."""
        found = self.addresses_of([host])[0]
        return sorted(found, key=lambda each: ((":" in each) != (":" in found[0]), each))


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    monkeypatch.setattr(room, "source_for", lambda host: "")
    asking = Asking(tmp_path)
    with asking.server:
        yield asking


def test_both_families_are_asked_for_once(asking: Asking) -> None:
    for _ in range(3):
        assert asking.addresses("H.example") == ["192.0.2.7", "192.0.2.8", "2001:db8::7"]
    assert asking.addresses("h.example.") == ["192.0.2.7", "192.0.2.8", "2001:db8::7"]
    assert asking.server.asked == ["h.example", "h.example"]
    assert asking.addresses("four.example") == ["192.0.2.9"]


def test_ipv6_comes_first_where_there_is_a_way(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "source_for", lambda host: "2001:db8::1")
    assert asking.addresses("h.example")[0] == "2001:db8::7"


def test_the_hosts_file_comes_before_the_dns(asking: Asking) -> None:
    asking.hosts.write_text("192.0.2.99 h.example\n192.0.2.98 example.net\n")
    assert asking.addresses("h.example") == ["192.0.2.99"]
    assert asking.services("example.net", ["_sip._udp"], naptr=True) == ((), [()])
    assert asking.server.asked == []


def test_a_short_name_is_looked_for_in_the_search_list(asking: Asking) -> None:
    asking.resolv.write_text("search nowhere.example office.example\n")
    assert asking.addresses("short") == ["192.0.2.10"]


@pytest.mark.parametrize(
    "host",
    [
        "999.999.999.999",
        "192.0.2",
        "1",
        "192.0.2.1.",
        "x." * 150 + "org",
        "",
        ".",
        "a..b",
        ".x.org",
        "x" * 64 + ".org",
    ],
)
def test_what_is_no_name_is_not_asked_for(asking: Asking, host: str) -> None:
    assert asking.addresses(host) == []
    assert asking.services(host, ["_sip._udp"], naptr=True) == ((), [()])
    assert asking.server.asked == []


def test_services(asking: Asking) -> None:
    naptr, (udp, tcp, tls) = asking.services(
        "Example.net", ["_sip._udp", "_sip._tcp", "_sips._tcp"], naptr=True
    )
    assert naptr == (Naptr(10, 20, "s", "SIP+D2T", "", "_sip._tcp.example.net"),)
    assert set(udp) == {Srv(10, 60, 5070, "a.example.net"), Srv(20, 0, 5060, "b.example.net")}
    assert (tcp, tls) == ((Srv(0, 0, 0, ""),), ())
    assert len(asking.server.asked) == 4
    assert asking.services("example.net", ["_sip._udp"], naptr=False) == ((), [udp])
    assert len(asking.server.asked) == 4


def test_questions_go_out_together(asking: Asking) -> None:
    asking.server.seconds = 0.3
    before = time.monotonic()
    asking.services("example.net", ["_sip._udp", "_sip._tcp", "_sips._tcp"], naptr=True)
    asking.addresses_of(["h.example", "four.example", "other.example"])
    assert time.monotonic() - before < 3 * 0.3 + 1  # ten questions, two waits


def test_a_slow_answer_holds_up_nobody_else_and_is_asked_for_once(asking: Asking) -> None:
    asking.server.seconds, asking.server.late = 1.0, {"h.example"}
    waiting = [gevent.spawn(asking.addresses, "h.example") for _ in range(20)]
    gevent.sleep(0.01)
    assert asking.addresses("four.example") == ["192.0.2.9"]
    assert not any(each.ready() for each in waiting)
    gevent.joinall(waiting)
    assert {tuple(each.value) for each in waiting} == {("192.0.2.7", "192.0.2.8", "2001:db8::7")}
    assert asking.server.asked.count("h.example") == 2


def test_an_outage_is_bridged_by_what_was_known(tmp_path: Path) -> None:
    asking = Asking(tmp_path, seconds=0.3)
    asking.server.ttl = 0
    with asking.server as server:
        assert asking.addresses("four.example") == ["192.0.2.9"]
        server.silent = True
        assert asking.addresses("four.example") == ["192.0.2.9"]
        assert asking.addresses("h.example") == []
        assert sorted(asking.counted) == ["failed", "failed", "found", "kept", "none", "stale"]


def test_there_is_a_bound_on_questions_under_way(tmp_path: Path) -> None:
    asking = Asking(tmp_path, seconds=0.5, at_once=3)
    with asking.server as server:
        server.silent = True
        waiting = [gevent.spawn(asking.srv, [f"n{number}.example"]) for number in range(30)]
        gevent.joinall(waiting)
        assert len(set(server.asked)) <= 6
        assert asking.counted == ["failed"] * 30


def test_a_server_that_was_silent_is_asked_last(tmp_path: Path) -> None:
    machine = MachineNames(tmp_path / "hosts", tmp_path / "resolv.conf")
    with NameServer({"a.example A": ["192.0.2.1"]}) as silent, NameServer(dict(ZONE)) as good:
        silent.silent = True
        servers = NameServers([silent.address, good.address], 1.0, lambda result: None, machine)
        assert servers.ask(Question("four.example", "A")) == ("192.0.2.9",)
        assert set(servers.ask(Question("h.example", "A"))) == {"192.0.2.7", "192.0.2.8"}
        assert (silent.asked, good.asked) == (["four.example"], ["four.example", "h.example"])
