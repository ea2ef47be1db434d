"""``sipbox self-test`` against servers that work, that do not, and that only seem to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.harness.message import Message
from tests.harness.ports import LOOPBACK
from tests.harness.sipbox import Sipbox

STEPS = [
    "two subscribers made for this test",
    "udp:127.0.0.1:{port} is reached",
    "tcp:127.0.0.1:{port} is reached",
    "a wrong password is refused at udp:127.0.0.1:{port}",
    "REGISTER with digest at udp:127.0.0.1:{port}",
    "a wrong password is refused at tcp:127.0.0.1:{port}",
    "REGISTER with digest at tcp:127.0.0.1:{port}",
    "a call: INVITE, 180, 200, ACK, BYE",
    "a call back",
]


def nothing_is_left(box: Sipbox) -> bool:
    rows = box.sql("select count(*) from subscriber where username like 'self-test-%'")
    bindings = box.sql("select count(*) from location where username like 'self-test-%'")
    return [tuple(row) for row in (*rows, *bindings)] == [(0,), (0,)]


def test_a_server_that_works_passes_and_keeps_nothing_of_it(box: Sipbox) -> None:
    done = box.cli("self-test")
    assert done.stderr.splitlines()[-1] == "the self-test passed"
    assert [line.split(" s  ", 1)[1] for line in done.stdout.splitlines()] == [
        step.format(port=box.port) for step in STEPS
    ]
    assert nothing_is_left(box)
    told = json.loads(box.cli("self-test", "--json").stdout)
    assert told["passed"]
    assert told["problem"] is None
    assert len(told["steps"]) == len(STEPS)


def test_a_server_that_is_down_is_told_in_one_line_and_the_subscribers_are_gone(box: Sipbox) -> None:
    box.stop()
    done = box.cli("self-test", "--patience", "1", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"sipbox: the self-test failed: tcp:127.0.0.1:{box.port} cannot be reached: Connection refused\n"
    )
    assert "FAILED" in done.stdout
    assert nothing_is_left(box)


def test_the_domain_may_be_a_row_alone(box: Sipbox) -> None:
    domain = box.domain
    box.write_settings({"sip": {"domains": []}})
    done = box.cli("self-test", check=False)
    assert done.stderr == (
        "sipbox: the self-test failed: no domain is served; 'sipbox domain add DOMAIN' does it\n"
    )
    box.cli("domain", "add", domain)
    assert box.cli("self-test").stderr.splitlines()[-1] == "the self-test passed"


@contextmanager
def one_who_says_yes(port: int) -> Iterator[None]:
    """A server that answers 200 to everything over UDP, whoever asks, and can be reached over TCP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard,
        socket.create_server((LOOPBACK, port)),
    ):
        heard.bind((LOOPBACK, port))
        heard.settimeout(0.2)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    data, sender = heard.recvfrom(65_535)
                except TimeoutError:
                    continue
                request = Message.parse(data)
                names = ("Via", "From", "To", "Call-ID", "CSeq", "Contact")
                lines = [(name, request.get(name)) for name in names]
                heard.sendto(Message("SIP/2.0 200 OK", (*lines, ("Content-Length", "0"))).encode(), sender)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_server_that_lets_everybody_in_does_not_pass(box: Sipbox) -> None:
    box.stop()
    with one_who_says_yes(box.port):
        done = box.cli("self-test", "--patience", "5", check=False)
    assert done.returncode == 1
    assert "a REGISTER with a wrong password is answered by 200 OK" in done.stderr
    assert nothing_is_left(box)
