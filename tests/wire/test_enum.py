"""A call to a number that has a SIP address in the DNS, with real sockets and a real name server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.name_server import NameServer
from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox

SUFFIX = "e164.example"
NUMBER, NAME = "+4989123456", f"6.5.4.3.2.1.9.8.9.4.{SUFFIX}"
SILENT, SILENT_NAME = "+4989999", f"9.9.9.9.8.9.4.{SUFFIX}"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture(scope="module")
def box(names: NameServer) -> Iterator[Sipbox]:
    settings = {"enum": {"suffix": SUFFIX, "name_servers": [names.text], "seconds": 6.0}}
    with Sipbox(settings=settings) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield server


def test_the_call_goes_where_the_dns_says(box: Sipbox, names: NameServer) -> None:
    with (
        Phone("10", "secret-10", proxy=box.address) as caller,
        Phone("12", "secret-12", proxy=box.address) as elsewhere,
    ):
        host, port = elsewhere.address, elsewhere.port
        names.records[NAME] = [
            f'20 10 "u" "E2U+sip" "!^.*$!sip:nobody@{host}:{port}!" .',
            '10 10 "u" "E2U+email:mailto" "!^.*$!mailto:info@example.net!" .',
            rf'10 20 "u" "E2U+sip" "!^\\+49(.*)$!sip:\\1@{host}:{port}!" .',
        ]
        invite = caller.invite(NUMBER)
        request = elsewhere.expect("INVITE")
        assert request.uri == f"sip:89123456@{host}:{port}"
        elsewhere.reply(request, 200)
        assert caller.final(invite).status == 200
        assert names.asked[-1] == NAME


def test_a_slow_name_server_holds_up_nobody_else(box: Sipbox, names: NameServer) -> None:
    names.silent = True
    try:
        with (
            Phone("10", "secret-10", proxy=box.address) as caller,
            Phone("11", "secret-11", proxy=box.address) as callee,
            Phone("12", "secret-12", proxy=box.address) as other,
        ):
            waits = caller.invite(SILENT)
            assert callee.register().status == 200
            invite = other.invite("11")
            callee.reply(callee.expect("INVITE"), 200)
            assert other.final(invite).status == 200
            assert names.asked[-1] == SILENT_NAME
            caller.silent(0.1, but=(100,))  # it still waits
            assert caller.final(waits, timeout=30).status == 480
    finally:
        names.silent = False
