"""Calls to another domain: its servers are found by a real name server, and fail in every way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.harness.message import Message
from tests.harness.name_server import NameServer
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox

DOMAIN = "other.example"
CALLEE = f"sip:bob@{DOMAIN}"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer(ttl=0) as server:
        yield server


@pytest.fixture(scope="module")
def box(names: NameServer) -> Iterator[Sipbox]:
    settings = {
        "dns": {"name_servers": [names.text], "seconds": 4.0, "answer_seconds": 0.5},
        "sip": {"failed_destination_seconds": 0},
    }
    with Sipbox(settings=settings, agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


@pytest.fixture
def caller(box: Sipbox) -> Iterator[Phone]:
    with Phone("10", "secret-10", proxy=box.address) as phone:
        yield phone


@pytest.fixture
def servers(box: Sipbox, names: NameServer) -> Iterator[tuple[Phone, Phone]]:
    """Two servers of the domain, the first one to be tried first."""
    with Phone("bob", "", proxy=box.address) as first, Phone("bob", "", proxy=box.address) as second:
        names.records.clear()
        names.records |= {
            f"_sip._udp.{DOMAIN} SRV": [f"10 1 {first.port} a.{DOMAIN}.", f"20 1 {second.port} b.{DOMAIN}."],
            f"a.{DOMAIN} A": [first.address],
            f"b.{DOMAIN} A": [second.address],
        }
        yield first, second


def answer(caller: Phone, invite: Message, server: Phone) -> None:
    """The server takes the call, and the caller hears of it."""
    server.reply(server.expect("INVITE"), 200)
    answered = caller.final(invite, timeout=15)
    assert answered.status == 200
    caller.send(caller.ack(invite, answered))


def test_the_first_server_of_the_domain_is_called(caller: Phone, servers: tuple[Phone, Phone]) -> None:
    answer(caller, caller.invite(CALLEE), servers[0])


def test_naptr_leads_to_the_service(caller: Phone, servers: tuple[Phone, Phone], names: NameServer) -> None:
    names.records[DOMAIN] = [f'10 10 "s" "SIP+D2U" "" only.{DOMAIN}.']
    names.records[f"only.{DOMAIN} SRV"] = [f"1 1 {servers[1].port} b.{DOMAIN}."]
    answer(caller, caller.invite(CALLEE), servers[1])


def test_a_server_that_says_503_is_followed_by_the_next(caller: Phone, servers: tuple[Phone, Phone]) -> None:
    invite = caller.invite(CALLEE)
    refused = servers[0].expect("INVITE")
    servers[0].reply(refused, 503)
    servers[0].expect("ACK")
    answer(caller, invite, servers[1])


def test_a_silent_server_is_followed_by_the_next(caller: Phone, servers: tuple[Phone, Phone]) -> None:
    invite = caller.invite(CALLEE)
    first = servers[0].expect("INVITE")
    second = servers[1].expect("INVITE")
    assert first.branches[0] != second.branches[0]
    servers[1].reply(second, 486)
    assert caller.final(invite, timeout=15).status == 486


def test_a_server_that_is_not_there_is_followed_by_the_next(
    caller: Phone, servers: tuple[Phone, Phone], names: NameServer
) -> None:
    names.records[f"_sip._tcp.{DOMAIN} SRV"] = [f"1 1 {free_port()} a.{DOMAIN}."]
    names.records[DOMAIN] = [
        f'10 10 "s" "SIP+D2T" "" _sip._tcp.{DOMAIN}.',
        f'20 10 "s" "SIP+D2U" "" _sip._udp.{DOMAIN}.',
    ]
    answer(caller, caller.invite(CALLEE), servers[0])


def test_a_slow_name_server_holds_up_nobody_else(
    box: Sipbox, caller: Phone, servers: tuple[Phone, Phone], names: NameServer
) -> None:
    names.silent = True
    try:
        waits = caller.invite("sip:bob@slow.example")
        with Phone("11", "secret-11", proxy=box.address) as callee:
            assert callee.register().status == 200
            with Phone("10", "secret-10", proxy=box.address) as other:
                invite = other.invite("11")
                callee.reply(callee.expect("INVITE"), 200)
                assert other.final(invite).status == 200
        caller.silent(0.1, but=(100,))  # it still waits
        assert caller.final(waits, timeout=30).status == 404
    finally:
        names.silent = False


def test_a_wrong_answer_is_no_answer(caller: Phone, servers: tuple[Phone, Phone], names: NameServer) -> None:
    names.records[f"_sip._udp.{DOMAIN} SRV"] = [
        "1 1 5060 .",
        "1 1 0 a.other.example.",
        "1 1 5060 c.other.example.",
    ]
    names.records["c.other.example A"] = ["0.0.0.0", "224.0.1.75"]
    invite = caller.invite(CALLEE)
    assert caller.final(invite, timeout=15).status == 404


LARGE = b"v=0\r\n" + b"a=x:" + b"x" * 1500 + b"\r\n"


def test_a_large_request_goes_by_tcp(caller: Phone, servers: tuple[Phone, Phone]) -> None:
    """RFC 3261 §18.1.1, though the DNS says UDP."""
    with socket.create_server((LOOPBACK, servers[0].port)) as listener:
        listener.settimeout(10)
        caller.invite(CALLEE, body=LARGE)
        with listener.accept()[0] as stream:
            stream.settimeout(10)
            said = stream.recv(65_535)
            assert b"\r\nVia: SIP/2.0/TCP " in said
    servers[0].silent(0.1)


def test_where_tcp_is_refused_it_comes_by_udp(caller: Phone, servers: tuple[Phone, Phone]) -> None:
    for _ in range(2):
        invite = caller.invite(CALLEE, body=LARGE)
        request = servers[0].expect("INVITE")
        assert request.body == LARGE
        servers[0].reply(request, 486)
        assert caller.final(invite, timeout=15).status == 486


def test_it_is_counted(box: Sipbox) -> None:
    with urlopen(f"http://{LOOPBACK}:{box.agent_port}/metrics", timeout=10) as page:
        text = page.read().decode()
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert float(counted['sipbox_dns_lookups_total{result="found"}']) > 0
    for cause in ("unavailable", "silent"):
        assert float(counted[f'sipbox_next_servers_total{{cause="{cause}"}}']) > 0
