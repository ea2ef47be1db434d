"""Who is told where to ask, without a socket."""

from __future__ import annotations

import pytest

from appliance.agent.phones_app import Notes
from appliance.agent.phones_pnp import PnpDesk
from appliance.provisioning.models import vendor_of_mac
from tests.unit.agent.phones_made import MAC, TOKEN, MemoryRows, stored


def subscribe(mac: str = MAC, call_id: str = "one", event: str = "ua-profile") -> bytes:
    lines = [
        f"SUBSCRIBE sip:MAC{mac}@224.0.1.75 SIP/2.0",
        "Via: SIP/2.0/UDP 192.168.1.7:5059;branch=z9hG4bK1;rport",
        f"From: <sip:MAC{mac}@224.0.1.75>;tag=1",
        f"To: <sip:MAC{mac}@224.0.1.75>",
        f"Call-ID: {call_id}",
        "CSeq: 1 SUBSCRIBE",
        "Contact: <sip:192.168.1.7:5059>",
        f'Event: {event};profile-type="device";vendor="Yealink";model="T46S";version="66.85.0.5"',
        "Expires: 0",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture
def rows() -> MemoryRows:
    rows = MemoryRows()
    rows.add(stored())
    return rows


@pytest.fixture
def desk(rows: MemoryRows) -> PnpDesk:
    networks = ("192.168.0.0/16",)
    return PnpDesk(rows, Notes(rows, vendor_of_mac), networks, lambda token: f"http://192.0.2.1/{token}/")


def test_a_phone_of_ours_is_told_its_own_url(desk: PnpDesk) -> None:
    answer = desk.receive(subscribe(), "192.168.1.7", 0)
    assert answer is not None
    assert (answer.phone.mac, answer.url, answer.again) == (MAC, f"http://192.0.2.1/{TOKEN}/", False)


def test_a_retransmission_gets_the_same_answer_and_no_second_notify(desk: PnpDesk) -> None:
    first, second = (desk.receive(subscribe(), "192.168.1.7", now) for now in (0, 1))
    assert first is not None
    assert second is not None
    assert (second.again, second.tag) == (True, first.tag)
    other = desk.receive(subscribe(call_id="two"), "192.168.1.7", 2)
    assert other is not None
    assert not other.again


def test_who_is_unknown_hears_nothing_and_is_listed(desk: PnpDesk, rows: MemoryRows) -> None:
    assert desk.receive(subscribe("001565999999"), "192.168.1.7", 0) is None
    assert rows.strangers == [("001565999999", "yealink", "pnp", "192.168.1.7")]


def test_who_is_disabled_hears_nothing(desk: PnpDesk, rows: MemoryRows) -> None:
    rows.add(stored(enabled=False))
    assert desk.receive(subscribe(), "192.168.1.7", 0) is None


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "8.8.8.8"])
def test_other_networks_hear_nothing(desk: PnpDesk, rows: MemoryRows, address: str) -> None:
    assert desk.receive(subscribe("001565999999"), address, 0) is None
    assert rows.strangers == []


@pytest.mark.parametrize(
    "data", [b"", b"\0\1\2", b"OPTIONS sip:a SIP/2.0\r\n\r\n", subscribe(event="presence"), subscribe("xyz")]
)
def test_what_is_no_such_request(desk: PnpDesk, data: bytes) -> None:
    assert desk.receive(data, "192.168.1.7", 0) is None


def test_one_address_is_answered_seldom(desk: PnpDesk) -> None:
    answers = [desk.receive(subscribe(call_id=str(n)), "192.168.1.7", 0) for n in range(13)]
    assert answers[11] is not None
    assert answers[12] is None
    assert desk.receive(subscribe(call_id="later"), "192.168.1.7", 6) is not None


def test_one_phone_is_told_seldom_whoever_asks(desk: PnpDesk) -> None:
    answers = [desk.receive(subscribe(call_id=str(n)), f"192.168.1.{n}", 0) for n in range(1, 14)]
    assert [answer is not None for answer in answers] == [True] * 12 + [False]


def test_without_a_database_nothing_is_said(desk: PnpDesk, rows: MemoryRows) -> None:
    rows.away = True
    assert desk.receive(subscribe(), "192.168.1.7", 0) is None
