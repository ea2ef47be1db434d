"""Every transport over IPv4 and IPv6: a phone registers, is called, hangs up, is kept alive, loses its
connection. By bare sockets, and each by a real client as well:

| over IPv4 and IPv6 | udp | tcp | tls | ws | wss |
|---|---|---|---|---|---|
| register, call, hang up | baresip, SIPp | baresip, SIPp | baresip | JsSIP | JsSIP |
| kept alive | baresip: STUN | baresip: CRLF | baresip: CRLF | Chromium: pong | Chromium: pong |
| connection lost | there is none: baresip loses its current | baresip | baresip | JsSIP | JsSIP |

JsSIP is in tests/browser/test_jssip.py; it has no keep-alives of its own, and answers those of the server.
SIPp knows none at all, and does not come back when a connection is lost; by TLS, one process of it would have
to register and be called.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.frames import Opcode

from tests.harness.authority import Authority
from tests.harness.baresip import Baresip, call_and_hang_up
from tests.harness.phone import SDP, Phone, hang_up, talk
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.relay import Relay
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp, digest
from tests.harness.waiting import wait_until

ADDRESSES = (LOOPBACK, "::1")
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
#: Users whose phones keep their flows alive.
KEEPING = ("20", "21", "22", "23", "24", "25")
#: How a keep-alive and its answer look on the wire: STUN, line ends, and records of TLS 1.3 with those.
KEEP_ALIVES = {
    "udp": (b"\x00\x01", b"\x01\x01"),
    "tcp": (b"\r\n\r\n", b"\r\n"),
    "tls": (b"\x17\x03\x03\x00\x15", b"\x17\x03\x03\x00\x13"),
}


class Served(NamedTuple):
    """A server that listens by every transport at both addresses, and how its certificate is believed."""

    box: Sipbox
    ports: dict[str, int]
    wires: dict[str, int]  # ports for relays in front of those
    tls: ssl.SSLContext
    authority: Path

    def phone(self, user: str, transport: str, address: str, **options: Any) -> Phone:
        port = self.ports[transport]
        options.setdefault("tls", self.tls)
        return Phone(
            user,
            f"secret-{user}",
            proxy=(address, port),
            domain=self.box.domain,
            transport=transport,
            address=address,
            server_name=address,
            **options,
        )

    def wire(self, transport: str, address: str) -> Relay:
        """What a phone's way to the server goes by, where somebody listens and cuts it."""
        return Relay(transport, (address, self.ports[transport]), self.wires[transport])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.issue(*ADDRESSES)
    box = Sipbox(
        settings={
            "tls": {"certificate": str(certificate), "certificate_key": str(key)},
            "sip": {"flow_patience_seconds": 1},
            "nat": {"keepalive": "crlf", "keepalive_seconds": 1},
            "registrar": {"min_expires": 5, "flow_timer_seconds": 1},
        }
    )
    ports = {"udp": box.port, "tcp": box.port} | {each: free_port() for each in ("tls", "ws", "wss")}
    listen = [
        f"{each}:{f'[{host}]' if ':' in host else host}:{ports[each]}"
        for host in ADDRESSES
        for each in TRANSPORTS
    ]
    wires = {each: free_port() for each in KEEP_ALIVES}
    aliases = [f"{host}:{port}" for host in (LOOPBACK, "[::1]") for port in wires.values()]
    domains = ["example.org", *ADDRESSES[:1]]
    box.write_settings({"sip": {"listen": listen, "domains": domains, "aliases": aliases}})
    with box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", *KEEPING)})
        yield Served(box, ports, wires, authority.client(), authority.file)


@pytest.fixture(autouse=True)
def no_bindings_left(served: Served) -> Iterator[None]:
    yield
    for user in ("10", "11", *KEEPING):
        with served.phone(user, "udp", LOOPBACK) as phone:
            assert phone.register(contact="*", expires=0).status == 200


everywhere = pytest.mark.parametrize("address", ADDRESSES, ids=["ipv4", "ipv6"])
by_all = pytest.mark.parametrize("transport", TRANSPORTS)
by_streams = pytest.mark.parametrize("transport", TRANSPORTS[1:])


@everywhere
@by_all
def test_a_phone_registers_is_called_calls_and_hangs_up(served: Served, transport: str, address: str) -> None:
    with (
        served.phone("10", transport, address) as phone,
        served.phone("11", "udp", LOOPBACK) as other,
    ):
        assert phone.register().status == 200
        assert other.register().status == 200
        for caller, callee in ((other, phone), (phone, other)):
            mine, its = talk(caller, callee)
            hang_up(caller, callee, mine)
            mine, its = talk(caller, callee)
            hang_up(callee, caller, its)
        removed = phone.register(expires=0)
        assert (removed.status, removed.all("Contact")) == (200, [])


@everywhere
@by_all
def test_two_phones_of_one_kind(served: Served, transport: str, address: str) -> None:
    with (
        served.phone("10", transport, address) as caller,
        served.phone("11", transport, address) as callee,
    ):
        assert callee.register().status == 200
        assert caller.register().status == 200
        dialog, _ = talk(caller, callee)
        top = next(each for each in callee.received() if each.is_request and each.method == "INVITE")
        assert top.all("Via")[0].startswith(f"SIP/2.0/{transport.upper()} ")
        uri_transport = {"udp": "", "wss": ";transport=ws"}.get(transport, f";transport={transport}")
        route = top.all("Record-Route")[0]
        host = f"[{address}]" if ":" in address else address
        assert route.startswith(f"<sip:{host}:{served.ports[transport]}{uri_transport};lr=on;"), route
        hang_up(caller, callee, dialog)


@everywhere
@by_streams
def test_who_keeps_the_connection_alive_is_answered(served: Served, transport: str, address: str) -> None:
    with served.phone("10", transport, address) as phone:
        if transport in ("ws", "wss"):
            phone.web_socket.protocol.send_ping(b"there?")
            phone.web_socket.flush()
            wait_until("the pong", lambda: phone.take_in(0.1) or _frames(phone, Opcode.PONG) == [b"there?"])
        else:
            phone.send(b"\r\n\r\n")
            assert phone.socket.recv(10) == b"\r\n"


@everywhere
@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_browser_is_kept_alive_by_pings(served: Served, transport: str, address: str) -> None:
    """It has no other address than its connection, which its NAT must not forget."""
    with served.phone("10", transport, address) as phone:
        assert phone.register().status == 200
        wait_until("a ping", lambda: phone.take_in(0.1) or _frames(phone, Opcode.PING) != [])


@everywhere
@by_streams
def test_a_lost_connection_is_honest_and_the_next_one_is_used(
    served: Served, transport: str, address: str
) -> None:
    with served.phone("11", "udp", LOOPBACK) as caller:
        assert caller.register().status == 200
        with served.phone("10", transport, address) as phone:
            assert phone.register(contact=f'<{phone.contact}>;+sip.instance="<urn:x:1>"').status == 200
        lost = caller.invite("10")
        refusal = caller.final(lost, timeout=10)
        caller.send(caller.ack(lost, refusal))
        assert refusal.status == 480
        with served.phone("10", transport, address) as again:
            assert again.register(contact=f'<{again.contact}>;+sip.instance="<urn:x:1>"').status == 200
            dialog, _ = talk(caller, again)
            hang_up(caller, again, dialog)


def real(served: Served, user: str, transport: str, address: str, **options: Any) -> Baresip:
    """A phone of another maker."""
    options.setdefault("proxy", (address, served.ports[transport]))
    return Baresip(
        user,
        f"secret-{user}",
        domain=served.box.domain,
        transport=transport,
        authority=served.authority,
        address=address,
        **options,
    )


@everywhere
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_real_phones_call_one_another_and_one_loses_its_current(
    served: Served, transport: str, address: str
) -> None:
    with real(served, "10", transport, address) as caller, real(served, "11", transport, address) as callee:
        caller.wait_registered()
        callee.wait_registered()
        call_and_hang_up(caller, callee)
        call_and_hang_up(callee, caller)
        callee.kill9()
        callee.start()
        callee.wait_registered()
        call_and_hang_up(caller, callee)


def test_real_phones_keep_their_flows_alive_and_are_answered(served: Served) -> None:
    """All at once: by TCP and TLS a baresip waits twenty seconds, whatever Flow-Timer says."""
    kinds = [(transport, address) for transport in KEEP_ALIVES for address in ADDRESSES]
    with ExitStack() as stack:
        wires, phones = [], []
        for user, (transport, address) in zip(KEEPING, kinds, strict=True):
            wire = stack.enter_context(served.wire(transport, address))
            made = real(served, user, transport, address, proxy=wire.address, outbound=True)
            wires.append(wire)
            phones.append(stack.enter_context(made))
        for phone in phones:
            phone.wait_registered()
        flows = received(served)
        for (transport, address), wire in zip(kinds, wires, strict=True):
            for passed, begins in zip((wire.said, wire.heard), KEEP_ALIVES[transport], strict=True):
                wait_until(
                    f"keep-alives by {transport} to {address}",
                    lambda p=passed, b=begins: any(each.startswith(b) for each in p),
                    timeout=60,
                )
        assert received(served) == flows, "nobody had to register again"
        for phone in phones:
            phone.wait_registered()


@everywhere
def test_real_phones_come_back_when_their_connections_are_lost(served: Served, address: str) -> None:
    """They register again before their ten seconds are over, by new connections, and are called by those."""
    with ExitStack() as stack:
        wires = [stack.enter_context(served.wire(transport, address)) for transport in ("tcp", "tls")]
        phones = [
            stack.enter_context(
                real(
                    served,
                    user,
                    transport,
                    address,
                    proxy=wire.address,
                    expires=10,
                    answers=transport == "tls",
                )
            )
            for user, transport, wire in zip(("10", "11"), ("tcp", "tls"), wires, strict=True)
        ]
        for phone in phones:
            phone.wait_registered()
        call_and_hang_up(*phones)
        flows = received(served)
        assert len(flows) == 2
        for wire in wires:
            wire.cut()
        wait_until(
            "both are registered by other connections",
            lambda: len(now := received(served)) == 2 and not now & flows,
            timeout=60,
        )
        call_and_hang_up(*phones)
        # Behind the relay baresip does not know where it is reached, and with one address nobody can tell.
        with served.phone("20", "udp", LOOPBACK) as caller:
            sound = SDP if address == LOOPBACK else SDP.replace(b"IP4 127.0.0.1", b"IP6 ::1")
            invite = caller.invite("10", body=sound)
            caller.expect(180, timeout=10)
            caller.send(caller.cancel(invite))
            refusal = caller.final(invite, 10)
            caller.send(caller.ack(invite, refusal))
            assert refusal.status == 487


def received(served: Served) -> set[str]:
    """The flows that phones are reached by."""
    return {str(row[0]) for row in served.box.sql("select received from location")}


def test_a_real_phone_by_tls_calls_one_by_udp(served: Served) -> None:
    with real(served, "10", "tls", LOOPBACK) as one, real(served, "11", "udp", LOOPBACK) as other:
        one.wait_registered()
        other.wait_registered()
        call_and_hang_up(one, other)
        call_and_hang_up(other, one)


@everywhere
@pytest.mark.parametrize(("transport", "mode"), [("udp", "u1"), ("tcp", "t1")])
def test_sipp_registers_and_calls(
    served: Served, transport: str, mode: str, address: str, tmp_path: Path
) -> None:
    box, there = served.box, (address, served.ports[transport])
    host = f"[{address}]" if ":" in address else address
    with Sipp("callee", tmp_path, address=address, transport=mode, calls=3, values={"LINGER": "0"}) as callee:
        row = ["11", digest("11", "secret-11"), f"{host}:{callee.port}"]
        keys = {"domain": box.domain, "expires": "60", "contact_transport": transport}
        options = {"target": there, "address": address, "transport": mode}
        with Sipp("register", tmp_path, users=[row], keys=keys, **options) as registering:
            registering.succeed()
        row = ["10", digest("10", "secret-10"), "11"]
        with Sipp("caller", tmp_path, users=[row], keys=keys, calls=3, rate=5, **options) as calling:
            assert calling.succeed().successful == 3
            assert callee.succeed().successful == 3


def _frames(phone: Phone, opcode: Opcode) -> list[bytes]:
    return [bytes(frame.data) for frame in phone.web_socket.frames if frame.opcode is opcode]
