"""SIPp as gateways to the telephone network, at addresses of their own: good ones, and such as answer 503 or
nothing; rows that are changed by plain SQL; and a toll thief with real sockets and a real resolver.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.auth.digest import Credentials, challenge, ha1, verify
from tests.harness import sipp
from tests.harness.phone import Phone
from tests.harness.ports import free_port
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.waiting import wait_until
from tests.wire.conftest import Register

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
CALLS = 10


@pytest.fixture
def box(database_url: str | None) -> Iterator[Sipbox]:
    """A server whose user 10 may call local numbers, and 11 none; a gateway is silent for one second."""
    settings = {"gateway": {"answer_seconds": 1, "rest_seconds": 0}}
    with Sipbox(database_url, settings=settings, agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        server.cli("permission", "grant", "10", "local")
        yield server


def gateway(box: Sipbox, name: str, address: str, port: int, priority: int, *options: str) -> None:
    """A gateway for all numbers, known to the server when this returns."""
    box.cli("gateway", "add", name, address, "--port", str(port), *options)
    box.cli("route", "add", "any", name, "--priority", str(priority))


def caller(box: Sipbox, directory: Path, number: str = "123456") -> Sipp:
    """SIPp as the phone of 10, which calls a number outside."""
    row = ["10", sipp.digest("10", "secret-10"), number]
    return Sipp(
        "caller", directory, target=box.address, users=[row], keys={"domain": box.domain}, calls=CALLS, rate=5
    )


def answering(directory: Path, address: str) -> Sipp:
    return Sipp("callee", directory, address=address, calls=CALLS, values={"LINGER": "0"})


def test_calls_through_a_gateway(box: Sipbox, tmp_path: Path) -> None:
    with answering(tmp_path, FIRST) as good:
        gateway(box, "good", FIRST, good.port, 1)
        with caller(box, tmp_path) as calling:
            assert calling.succeed().successful == CALLS
        assert good.succeed().successful == CALLS


@pytest.mark.parametrize("status", ["503", "500"])
def test_one_that_refuses_and_the_next_one(box: Sipbox, tmp_path: Path, status: str) -> None:
    refusing = Sipp("refusing_gateway", tmp_path, address=FIRST, calls=CALLS, values={"STATUS": status})
    with refusing, answering(tmp_path, SECOND) as good:
        gateway(box, "bad", FIRST, refusing.port, 1)
        gateway(box, "good", SECOND, good.port, 2)
        with caller(box, tmp_path) as calling:
            assert calling.succeed().successful == CALLS
        assert refusing.succeed().successful == CALLS
        assert good.succeed().successful == CALLS


def test_one_that_says_nothing_and_the_next_one(box: Sipbox, tmp_path: Path) -> None:
    port = free_port(address=FIRST)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead,
        answering(tmp_path, SECOND) as good,
    ):
        dead.bind((FIRST, port))
        gateway(box, "dead", FIRST, port, 1)
        gateway(box, "good", SECOND, good.port, 2)
        with caller(box, tmp_path) as calling:
            assert calling.succeed().successful == CALLS
        assert good.succeed().successful == CALLS
        assert dead.recv(65535).startswith(b"INVITE sip:123456@127.0.0.2")


def test_one_that_is_away_over_tcp_and_the_next_one(box: Sipbox, tmp_path: Path) -> None:
    with answering(tmp_path, SECOND) as good:
        gateway(box, "away", FIRST, free_port(address=FIRST), 1, "--transport", "tcp")
        gateway(box, "good", SECOND, good.port, 2)
        with caller(box, tmp_path) as calling:
            assert calling.succeed().successful == CALLS
        assert good.succeed().successful == CALLS


def test_calls_from_a_gateway(box: Sipbox, tmp_path: Path, register: Register) -> None:
    port, own = register(box, "11"), free_port(address=FIRST)
    gateway(box, "good", FIRST, own, 1)
    with (
        Sipp("callee", tmp_path, port=port, calls=CALLS, values={"LINGER": "0"}) as phone,
        Sipp(
            "calling_gateway", tmp_path, target=box.address, address=FIRST, port=own, users=[["11"]],
            keys={"domain": box.domain}, calls=CALLS, rate=5,
        ) as calling,
    ):  # fmt: skip
        assert calling.succeed().successful == CALLS
        assert phone.succeed().successful == CALLS


def test_plain_sql_takes_effect(box: Sipbox) -> None:
    """Gateways, routes, rights and trusted peers, all of them by rows that somebody types."""
    with (
        Phone("11", "secret-11", proxy=box.address) as phone,
        Phone("x", proxy=box.address, address=FIRST) as line,
    ):

        def dials() -> int:
            return phone.ask(phone.request("INVITE", f"sip:123456@{box.domain}"), timeout=6).status

        def is_challenged() -> bool:
            request = line.request("MESSAGE", f"sip:11@{box.domain}", from_=f"<sip:10@{box.domain}>;tag=1")
            return line.ask(request, authenticate=False).status == 407

        assert dials() == 480
        assert is_challenged()
        box.sql("insert into gw_grp (grp_id, grp_name) values (7, 'carrier')")
        box.sql(
            "insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport)"
            f" values ('line', 7, '{FIRST}', {line.port}, 1, 1)"
        )
        box.sql("insert into lcr (prefix, grp_id, priority) values ('', 7, 1)")
        wait_until("11 has no right", lambda: dials() == 403, timeout=20)
        wait_until("the gateway is known", lambda: not is_challenged(), timeout=20)
        box.sql("insert into grp (username, domain, grp) values ('11', '127.0.0.1', 'local')")

        def rings() -> bool:
            phone.invite("123456")
            line.take_in(0.5)
            return any(message.method == "INVITE" for message in line.received())

        wait_until("the gateway is called", rings, timeout=20)
        box.sql("delete from lcr")
        box.sql("delete from gw")
        wait_until("the gateway is a stranger", is_challenged, timeout=20)
        box.sql(f"insert into trusted (src_ip, proto) values ('{FIRST}', 'udp')")
        wait_until("it is trusted", lambda: not is_challenged(), timeout=20)
        box.sql("delete from trusted")
        wait_until("it is trusted no more", is_challenged, timeout=20)
        box.sql("insert into address (grp, ip_addr, mask) values (1, '127.0.0.0', 30)")
        wait_until("its network is trusted", lambda: not is_challenged(), timeout=20)
        assert "127.0.0.0, 30" in box.cli("fifo", "subnet_dump").stdout
        assert box.cli("fifo", "lcr_reload").stdout == ""


class TestThief:
    """Nothing of a thief reaches the gateway's address, over UDP or TCP, whatever he writes."""

    @pytest.fixture
    def line(self, box: Sipbox) -> Iterator[tuple[socket.socket, socket.socket]]:
        """The gateway's sockets, one UDP and one TCP, at one port."""
        port = free_port(address=FIRST)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            datagrams.bind((FIRST, port))
            stream.bind((FIRST, port))
            stream.listen()
            gateway(box, "line", FIRST, port, 1)
            yield datagrams, stream

    #: 127.0.0.2 as people, resolvers and inet_aton read it.
    HOSTS = ("127.0.0.2", "127.0.0.02", "127.0.0.002", "2130706434", "0x7f000002", "127.2", "0177.0.0.2")

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_by_every_writing_of_the_address(
        self, box: Sipbox, line: tuple[socket.socket, socket.socket], transport: str
    ) -> None:
        port = line[0].getsockname()[1]
        with Phone("10", "secret-10", proxy=box.address) as thief:
            for host in (*self.HOSTS, "[::ffff:127.0.0.2]"):
                uri = f"sip:0900123456@{host}:{port};transport={transport}"
                status = thief.ask(thief.request("INVITE", uri), timeout=8).status
                assert status in (403, 404, 480), (host, status)
                assert thief.register(contact=f"<{uri}>", call_id=f"reg-{host}").status in (200, 400)
                status = thief.ask(thief.request("INVITE", f"sip:10@{box.domain}"), timeout=8).status
                assert status in (403, 404, 480), (host, status)
                thief.register(contact="*", expires=0, call_id=f"reg-{host}")
        assert select.select(line, [], [], 0.5)[0] == []
        assert "was kept from the gateway 127.0.0.2" in box.log

    def test_by_a_call_with_himself(self, box: Sipbox, line: tuple[socket.socket, socket.socket]) -> None:
        """He has a signed Route of a call that was let in, and leads it to the gateway."""
        port = line[0].getsockname()[1]
        with (
            Phone("10", "secret-10", proxy=box.address) as thief,
            Phone("11", "secret-11", proxy=box.address) as accomplice,
        ):
            assert accomplice.register().status == 200
            invite = thief.invite("11")
            accomplice.reply(accomplice.expect("INVITE"), 200)
            dialog = thief.dialog_as_caller(invite, thief.final(invite))
            dialog.target = f"sip:0900123456@{FIRST}:{port}"
            for method in ("INVITE", "REFER", "MESSAGE"):
                assert thief.ask(thief.within(dialog, method)).status == 403
        assert select.select(line, [], [], 0.5)[0] == []


def test_a_silent_gateway_costs_a_second(box: Sipbox) -> None:
    """What is sent to the first, and when to the second: seen at both sockets."""
    ports = [free_port(address=host) for host in (FIRST, SECOND)]
    with (
        Phone("10", "secret-10", proxy=box.address) as phone,
        Phone("a", proxy=box.address, address=FIRST, port=ports[0]) as silent,
        Phone("b", proxy=box.address, address=SECOND, port=ports[1]) as good,
    ):
        gateway(box, "silent", FIRST, ports[0], 1)
        gateway(box, "good", SECOND, ports[1], 2)
        invite = phone.invite("123456")
        silent.expect("INVITE")
        began = time.monotonic()
        request = good.expect("INVITE", timeout=15)
        assert time.monotonic() - began > 0.5
        good.reply(request, 200)
        assert phone.final(invite, 6).status == 200


def test_a_gateway_that_asks_for_a_password(tmp_path: Path) -> None:
    """The file of the settings has it; the phone hears of nothing, and the call is answered."""
    logins = tmp_path / "gateways.toml"
    logins.write_text('["the trunk"]\nusername = "us"\npassword = "trunk-password"\n')
    logins.chmod(0o600)
    settings = {"gateway": {"credentials_file": str(logins)}}
    with (
        Sipbox(settings=settings) as box,
        Phone("a", proxy=box.address, address=FIRST) as line,
    ):
        box.add_subscribers({"10": "secret-10"})
        box.cli("permission", "grant", "10", "local")
        gateway(box, "line", FIRST, line.port, 1)
        with Phone("10", "secret-10", proxy=box.address) as phone:
            invite = phone.invite("123456")
            asked = ("Proxy-Authenticate", challenge("the trunk", "n0nce", qop=True))
            line.reply(line.expect("INVITE"), 407, headers=[asked])
            line.expect("ACK")
            again = line.expect("INVITE")
            given = Credentials.parse(again.get("Proxy-Authorization"))
            assert verify(given, "INVITE", ha1("us", "the trunk", "trunk-password"))
            line.reply(again, 200)
            assert phone.final(invite, 6).status == 200
            assert all(message.status != 407 for message in phone.received()[2:])
        assert "trunk-password" not in box.log + box.cli("config", "show").stdout


def test_gateways_from_a_file(box: Sipbox) -> None:
    """All of it or nothing, on both databases, and the running server knows at once."""
    text = (
        f"gateways: [{{name: one, address: {FIRST}}}, {{name: two, address: {SECOND}, group: spare}}]\n"
        "routes: [{prefix: any, group: one}, {prefix: '00', group: spare, from: ^sip:1}]\n"
        "trusted: [{address: 192.0.2.1, tag: int}, {address: 192.0.2.0/24}]\n"
    )

    def applied(*options: str, typed: str = text) -> str:
        return box.cli("gateway", "apply", "-", *options, typed=typed).stderr

    assert applied("--check") == "would be added: 6, would be changed: 0, would be removed: 0\n"
    assert box.sql("select count(*) from gw") + box.sql("select count(*) from gw_grp") == [(0,), (0,)]
    assert applied() == "added: 6, changed: 0, removed: 0\n"
    assert applied() == "added: 0, changed: 0, removed: 0\n"
    assert "one as sip:123456@127.0.0.2" in box.cli("route", "show", "10", "123456").stdout
    assert applied("--remove", "--yes", typed="{}") == "added: 0, changed: 0, removed: 6\n"
    assert "no route fits" in box.cli("route", "show", "10", "123456").stdout
    assert box.sql("select count(*) from gw_grp") == [(0,)]
