"""Numbers in the DNS: what real name servers answer, slowly, falsely or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import dns.message
import gevent
import pytest

from appliance.sip.naptr import Naptr
from appliance.transport.name_servers import NameServers
from tests.harness.name_server import NameServer
from tests.harness.ports import LOOPBACK, free_port

NAME = "1.2.3.4.e164.example"
RECORD = '100 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" .'
READ = Naptr(100, 10, "u", "E2U+sip", "!^.*$!sip:info@example.net!")


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer({NAME: [RECORD], "empty.example": []}) as server:
        yield server


class Asking:
    """Somebody who asks these servers, and counts."""

    def __init__(self, *servers: tuple[str, int], seconds: float = 8.0) -> None:
        self.counted: list[str] = []
        self.naptr = NameServers(servers, seconds, self.counted.append).naptr


def test_records_are_found_and_kept(server: NameServer) -> None:
    asking = Asking(server.address)
    for _ in range(3):
        assert asking.naptr(NAME) == (READ,)
    assert server.asked == [NAME]
    assert asking.counted == ["found", "kept", "kept"]


def test_they_are_kept_as_long_as_they_say() -> None:
    with NameServer({NAME: [RECORD]}, ttl=0) as server:
        asking = Asking(server.address)
        assert [asking.naptr(NAME), asking.naptr(NAME)] == [(READ,), (READ,)]
        assert server.asked == [NAME, NAME]


@pytest.mark.parametrize("name", ["unknown.example", "empty.example"])
def test_that_there_is_none_is_kept_too(server: NameServer, name: str) -> None:
    asking = Asking(server.address)
    assert [asking.naptr(name), asking.naptr(name)] == [(), ()]
    assert server.asked == [name]
    assert asking.counted == ["none", "kept"]


def test_what_does_not_fit_comes_by_tcp(server: NameServer) -> None:
    server.truncating = True
    server.records[NAME] = [RECORD.replace("info", f"info-{number}" + "x" * 150) for number in range(20)]
    assert len(Asking(server.address).naptr(NAME)) == 20
    assert server.by_tcp == 1


def test_the_next_server_is_asked_when_one_is_silent_or_fails_or_is_away(server: NameServer) -> None:
    with NameServer() as silent, NameServer() as failing:
        silent.silent = failing.failing = True
        away = (LOOPBACK, free_port())
        asking = Asking(silent.address, failing.address, away, server.address)
        assert asking.naptr(NAME) == (READ,)
        assert (silent.asked, failing.asked, server.asked) == ([NAME], [NAME], [NAME])


def test_nobody_answers(server: NameServer) -> None:
    server.silent = True
    asking = Asking(server.address, seconds=0.4)
    assert asking.naptr(NAME) == ()
    assert server.asked == [NAME, NAME]
    assert asking.naptr(NAME) == ()  # kept for seconds
    assert asking.counted == ["failed", "kept"]


def test_only_those_who_ask_wait_and_the_same_question_is_asked_once(server: NameServer) -> None:
    server.seconds = 0.5
    server.records["quick.example"] = [RECORD]
    asking = Asking(server.address)
    began = time.monotonic()
    waiting = [gevent.spawn(asking.naptr, NAME) for _ in range(5)]
    others = [gevent.spawn(asking.naptr, f"{number}.example") for number in range(50)]
    ticks = 0
    while not all(each.ready() for each in waiting + others):
        gevent.sleep(0.01)
        ticks += 1
    assert ticks >= 10, "the loop stood still"
    assert [each.value for each in waiting] == [(READ,)] * 5
    assert server.asked.count(NAME) == 1
    assert time.monotonic() - began < 50 * 0.5, "one after the other"


def test_answers_to_something_else_are_passed_over() -> None:
    """A forger who hits the port has to guess the number of the question as well."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((LOOPBACK, 0))

        def answer() -> None:
            data, peer = datagrams.recvfrom(4096)
            question = dns.message.from_wire(data)
            forged = dns.message.from_wire(data)
            forged.id ^= 1
            datagrams.sendto(dns.message.make_response(forged).to_wire(), peer)
            datagrams.sendto(b"garbage", peer)
            another = dns.message.make_query("other.example", "NAPTR", id=question.id)
            datagrams.sendto(dns.message.make_response(another).to_wire(), peer)
            right = dns.message.make_response(question)
            right.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "NAPTR", RECORD))
            datagrams.sendto(right.to_wire(), peer)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        waiting = gevent.spawn(Asking(datagrams.getsockname()).naptr, NAME)
        waiting.join(10)
        thread.join(10)
    assert waiting.value == (READ,)
