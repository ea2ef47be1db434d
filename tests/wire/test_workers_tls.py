"""Two workers with TLS, their sockets handed over by systemd: whoever has a phone's connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.authority import Authority
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.template import mariadb_database
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]


class SecureWorkers(Workers):
    """Two workers that listen by TLS as well."""

    def __init__(self, database_url: str, authority: Authority) -> None:
        self.authority, self.tls_port = authority, free_port()
        certificate, key = authority.issue(LOOPBACK)
        super().__init__(
            database_url,
            settings={"tls": {"certificate": str(certificate), "certificate_key": str(key)}},
        )
        listen = [*self.settings["sip"]["listen"], f"tls:{LOOPBACK}:{self.tls_port}"]
        self.write_settings({"sip": {"listen": listen}})

    def _bound(self) -> list[socket.socket]:
        tls = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        tls.bind((LOOPBACK, self.tls_port))
        tls.listen(1024)
        return [*super()._bound(), tls]

    def secure_phone(self, user: str) -> Phone:
        return Phone(
            user,
            f"secret-{user}",
            proxy=(LOOPBACK, self.tls_port),
            domain=self.domain,
            transport="tls",
            tls=self.authority.client(),
        )

    def serial_numbers(self) -> set[str]:
        """Of the certificates that are shown, by whichever worker."""
        found = set()
        for _ in range(12):
            with (
                socket.create_connection((LOOPBACK, self.tls_port), 10) as plain,
                self.authority.client().wrap_socket(plain, server_hostname=LOOPBACK) as secure,
            ):
                told = secure.getpeercert()
                assert told
                found.add(str(told["serialNumber"]))
        return found


@pytest.fixture(scope="module")
def box(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureWorkers]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with SecureWorkers(mariadb_database(mariadb), authority) as workers:
        workers.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield workers


def test_phones_at_different_workers_call_one_another(box: SecureWorkers) -> None:
    with ExitStack() as stack:
        at: dict[int, Phone] = {}
        while len(at) < 2:
            phone = stack.enter_context(box.secure_phone("10" if 1 not in at else "11"))
            worker = box.worker_of(phone)
            if worker not in at and (worker == 1) == (phone.user == "10"):
                at[worker] = phone
        one, other = at[1], at[2]
        assert one.register().status == 200
        assert other.register().status == 200
        mine, _ = talk(one, other)
        hang_up(one, other, mine)
        _, theirs = talk(other, one)
        hang_up(one, other, theirs)
        # A datagram's call comes to them as well, by whoever has their connection.
        caller = box.phone_at(1, "12")
        mine, _ = talk(caller, other)
        hang_up(other, caller, _)


def test_new_certificates_are_shown_by_all(box: SecureWorkers) -> None:
    before = box.serial_numbers()
    assert len(before) == 1
    box.authority.issue(LOOPBACK)
    box.cli("certificate", "reload")
    after = box.serial_numbers()
    assert len(after) == 1
    assert after != before


def test_a_worker_that_dies_is_not_asked_for_its_phones(box: SecureWorkers) -> None:
    caller = box.phone_at(1, "12")
    while True:
        callee = box.secure_phone("11")
        if box.worker_of(callee) == 2:
            break
        callee.close()
    assert callee.register(contact=f"<sip:11@{LOOPBACK}:9;transport=tls>").status == 200
    box.kill9_worker(2)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        for _ in range(100):
            callee.take_in(0.1)
    box.start_worker(2)
    refused = caller.invite("11")
    answer = caller.final(refused, 20)
    caller.send(caller.ack(refused, answer))
    assert answer.status == 480
    callee.close()
