"""Sockets and connections that outlive the process: nothing is lost by a restart, nor by a SIGKILL."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.phone import SDP, hang_up, talk
from tests.harness.ports import LOOPBACK
from tests.harness.supervised import Supervised
from tests.harness.waiting import wait_until

Again = Callable[[Supervised], None]


@pytest.fixture
def box() -> Iterator[Supervised]:
    with Supervised() as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield server


def restart(box: Supervised) -> None:
    box.restart()


def crash(box: Supervised) -> None:
    box.kill9()
    box.start()


both = pytest.mark.parametrize("again", [restart, crash])


def kept(box: Supervised, count: int) -> None:
    wait_until(f"{count} connections are kept", lambda: len(box.systemd.living()) == count)


def test_what_arrives_while_nobody_runs_is_answered_by_the_next_process(box: Supervised) -> None:
    with box.phone("10", "secret-10") as udp, box.phone("11", "secret-11", transport="tcp") as tcp:
        kept(box, 1)
        box.kill9()
        requests = {phone: phone.request("OPTIONS", f"sip:{LOOPBACK}:{box.port}") for phone in (udp, tcp)}
        for phone, request in requests.items():
            phone.send(request)
        box.start()
        for phone, request in requests.items():
            assert phone.final(request, timeout=10).status == 200


def test_a_phone_connects_while_nobody_runs(box: Supervised) -> None:
    box.kill9()
    with box.phone("11", "secret-11", transport="tcp") as phone:
        request = phone.request("OPTIONS", f"sip:{LOOPBACK}:{box.port}")
        phone.send(request)
        box.start()
        assert phone.final(request, timeout=10).status == 200


@both
def test_a_phone_on_tcp_is_called_by_the_connection_that_it_had(box: Supervised, again: Again) -> None:
    """Its Contact leads nowhere: no other way than the connection is left."""
    with box.phone("11", "secret-11", transport="tcp") as phone, box.phone("10", "secret-10") as caller:
        assert phone.register(contact="<sip:11@127.0.0.1:9>").status == 200
        kept(box, 1)
        for _ in range(2):
            again(box)
            dialog, _ = talk(caller, phone)
            hang_up(caller, phone, dialog)
        kept(box, 1)


@both
def test_a_call_that_is_up_stays_up(box: Supervised, again: Again) -> None:
    with box.phone("11", "secret-11", transport="tcp") as phone, box.phone("10", "secret-10") as caller:
        assert phone.register(contact="<sip:11@127.0.0.1:9>").status == 200
        assert caller.register().status == 200
        dialog, _ = talk(caller, phone)
        kept(box, 1)
        again(box)
        hang_up(caller, phone, dialog)


@both
def test_many_connections(box: Supervised, again: Again) -> None:
    with ExitStack() as stack:
        phones = [stack.enter_context(box.phone("11", transport="tcp")) for _ in range(300)]
        kept(box, 300)
        again(box)
        for phone in phones:
            request = phone.request("OPTIONS", f"sip:{LOOPBACK}:{box.port}")
            phone.send(request)
            assert phone.final(request, timeout=10).status == 200
    wait_until("the dead ones are let go of", lambda: box.systemd.living() == [])


def test_the_address_of_a_lost_connection_is_not_its_phone(box: Supervised) -> None:
    """The next phone behind the same NAT has the port, and must not be called in the first one's name."""
    with box.phone("11", "secret-11", transport="tcp") as phone:
        assert phone.register(contact="<sip:11@127.0.0.1:9>").status == 200
        phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with (
        box.phone("12", "secret-12", transport="tcp", port=phone.port) as other,
        box.phone("10", "secret-10") as caller,
    ):
        assert other.register().status == 200
        kept(box, 1)
        crash(box)
        invite = caller.invite("11")
        refusal = caller.final(invite, timeout=20)
        assert refusal.status == 480
        caller.send(caller.ack(invite, refusal))
        assert "INVITE" not in {message.method for message in other.received() if message.is_request}


@both
def test_a_message_that_was_cut_in_two_ends_its_connection_alone(box: Supervised, again: Again) -> None:
    with box.phone("11", "secret-11", transport="tcp") as cut, box.phone("12", transport="tcp") as whole:
        request = cut.request("MESSAGE", f"sip:10@{LOOPBACK}", body=SDP * 4)
        data = request.encode()
        cut.send(data[:-50])
        kept(box, 2)
        time.sleep(0.3)  # nothing tells that half a message was read
        again(box)
        with pytest.raises((ConnectionError, BrokenPipeError)):
            for _ in range(200):
                cut.send(data[-50:])
                cut.take_in(0.05)
        request = whole.request("OPTIONS", f"sip:{LOOPBACK}:{box.port}")
        whole.send(request)
        assert whole.final(request, timeout=10).status == 200
        kept(box, 1)


def test_what_the_server_closes_is_closed_although_somebody_keeps_it(box: Supervised) -> None:
    with box.phone("11", transport="tcp") as phone:
        kept(box, 1)
        phone.send(b"no SIP at all\r\nContent-Length: many\r\n\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(100):
                phone.take_in(0.1)
        wait_until("it is let go of", lambda: box.systemd.living() == [])


def test_it_ends_in_order_and_keeps_the_connections(box: Supervised) -> None:
    with box.phone("11", transport="tcp") as phone:
        kept(box, 1)
        box.stop()
        phone.take_in(0.2)  # ConnectionError if it had been closed
        box.start()


# ---------------------------------------------------------------------------------- settings that differ


def refused(box: Supervised) -> str:
    box.stop()
    box.start(wait=False)
    assert box.process is not None
    assert box.process.wait(30) == 1
    [line] = [line for line in box.log.splitlines() if line.startswith("sipbox: ")]
    return line


def test_an_address_without_a_socket_is_named(box: Supervised) -> None:
    box.write_settings({"sip": {"listen": [f"udp:{LOOPBACK}:{box.port}", f"udp:127.0.0.2:{box.port}"]}})
    assert f"no socket for udp:127.0.0.2:{box.port}: put ListenDatagram=127.0.0.2:{box.port}" in refused(box)


def test_a_socket_without_an_address_is_named(box: Supervised) -> None:
    box.write_settings({"sip": {"listen": [f"udp:{LOOPBACK}:{box.port}"]}})
    assert f"a socket for tcp:{LOOPBACK}:{box.port}, which does not stand here" in refused(box)


def test_started_by_hand_it_binds_itself() -> None:
    with Supervised(hand_over=False) as box, box.phone("10") as phone:
        request = phone.request("OPTIONS", f"sip:{LOOPBACK}:{box.port}")
        phone.send(request)
        assert phone.final(request).status == 200


# ------------------------------------------------------------------------------------------------- under load


@pytest.mark.timeout(300)
def test_no_registration_fails_while_it_is_restarted_and_killed(
    database_url: str | None, tmp_path: Path
) -> None:
    with Supervised(database_url) as box:
        load_and_restart(box, tmp_path)


def load_and_restart(box: Supervised, tmp_path: Path) -> None:
    users = [f"u{number}" for number in range(1000, 1100)]
    box.add_subscribers(dict.fromkeys(users, "secret"))
    rows = [
        [user, sipp.digest(user, "secret"), f"127.0.0.1:{20000 + number}"]
        for number, user in enumerate(users)
    ]
    keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
    load = sipp.Sipp(
        "patient_register",
        tmp_path,
        target=box.address,
        users=rows,
        keys=keys,
        calls=1500,
        rate=100,
        timeout=120,
    ).start()
    try:
        for again in (restart, crash, restart, crash):
            time.sleep(1.5)
            again(box)
        load.succeed()
    finally:
        load.close()
    assert box.sql("select count(distinct username) from location")[0][0] == len(users)
