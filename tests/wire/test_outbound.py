"""Phones that keep several flows open (RFC 5626): a real baresip, and phones of which one flow is dead."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Iterator

import pytest

from tests.harness.baresip import Baresip
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

INSTANCE = '+sip.instance="<urn:uuid:5a4b1e2c-0000-4000-8000-000000000011>"'


@pytest.fixture(scope="module")
def two() -> Iterator[Sipbox]:
    """A box at two ports."""
    box = Sipbox()
    second = free_port()
    listen = [f"{transport}:{LOOPBACK}:{port}" for port in (box.port, second) for transport in ("udp", "tcp")]
    box.write_settings({"sip": {"listen": listen, "flow_patience_seconds": 1}, "registrar": {"gruu": True}})
    with box:
        box.add_subscribers({"10": "secret-10", "11": "secret-11"})
        yield box


@pytest.fixture(autouse=True)
def nobody_is_registered(two: Sipbox) -> Iterator[None]:
    yield
    two.cli("registration", "remove", "11", "--yes", check=False)


def second_address(box: Sipbox) -> tuple[str, int]:
    return LOOPBACK, int(box.settings["sip"]["listen"][2].rpartition(":")[2])


def flows(box: Sipbox) -> list[tuple[object, ...]]:
    return box.sql("select reg_id, socket from location where username = '11' order by reg_id")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_with_two_flows_rings_once(two: Sipbox, transport: str) -> None:
    phone = Baresip(
        "11",
        "secret-11",
        proxy=two.address,
        domain=two.domain,
        transport=transport,
        flows=[second_address(two)],
        trace=True,
    )
    with phone, two.phone("10", "secret-10") as caller:
        wait_until("both flows are registered", lambda: len(flows(two)) == 2)
        assert flows(two) == [
            (number, f"{transport}:{host}:{port}")
            for number, (host, port) in enumerate([two.address, second_address(two)], start=1)
        ]
        wait_until("the phone knows it", lambda: phone.log.count("Require: outbound") == 2)
        invite = caller.invite("11")
        answer = caller.final(invite, 10.0)
        assert answer.status == 200
        dialog = caller.dialog_as_caller(invite, answer)
        caller.send(caller.within(dialog, "ACK"))
        assert caller.ask(caller.within(dialog, "BYE")).status == 200
        assert phone.log.count("\nINVITE sip:") == 1


def test_a_phone_has_an_address_of_its_own(two: Sipbox) -> None:
    phone = Baresip(
        "11",
        "secret-11",
        proxy=two.address,
        domain=two.domain,
        flows=[second_address(two)],
        trace=True,
    )
    with (
        phone,
        two.phone("10", "secret-10") as caller,
        two.phone("11", "secret-11") as other,
    ):
        wait_until("both flows are registered", lambda: len(flows(two)) == 2)
        wait_until("the phone is told", lambda: "temp-gruu=" in phone.log)
        assert other.register().status == 200
        for kind in ("pub", "temp"):
            gruu = re.findall(f'{kind}-gruu="([^"]+)"', phone.log)[-1]
            invite = caller.invite(gruu)
            answer = caller.final(invite, 10.0)
            assert answer.status == 200
            dialog = caller.dialog_as_caller(invite, answer)
            caller.send(caller.within(dialog, "ACK"))
            assert caller.ask(caller.within(dialog, "BYE")).status == 200
        assert [
            message for message in other.received() if message.method == "INVITE" and message.is_request
        ] == []


def test_when_one_flow_is_silent_the_other_is_tried(two: Sipbox) -> None:
    with (
        two.phone("10", "secret-10") as caller,
        two.phone("11", "secret-11") as alive,
        two.phone("11", "secret-11") as dead,
    ):
        for number, flow in enumerate((alive, dead), start=1):
            contact = f"<{flow.contact}>;{INSTANCE};reg-id={number}"
            told = flow.register(contact=contact, headers=[("Supported", "path, outbound")])
            assert (told.status, told.get("Require")) == (200, "outbound")
        invite = caller.invite("11")
        dead.expect("INVITE")
        ringing = alive.expect("INVITE", timeout=10.0)
        alive.reply(ringing, 200)
        answer = caller.final(invite, 10.0)
        assert answer.status == 200
        caller.send(caller.within(caller.dialog_as_caller(invite, answer), "ACK"))
        alive.expect("ACK")


def test_a_phone_on_udp_is_told_by_stun_where_it_sends_from(two: Sipbox) -> None:
    with (
        two.phone("11", "secret-11") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow,
    ):
        assert phone.register().status == 200
        flow.settimeout(10)
        flow.bind((LOOPBACK, 0))
        transaction = secrets.token_bytes(12)
        flow.sendto(bytes.fromhex("000100002112a442") + transaction, two.address)
        answer = flow.recv(100)
        assert answer[:2] == b"\x01\x01"
        assert answer[8:20] == transaction
        assert int.from_bytes(answer[26:28], "big") ^ 0x2112 == flow.getsockname()[1]
