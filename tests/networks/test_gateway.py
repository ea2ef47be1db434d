"""A phone behind a NAT, the box in public, and a gateway of the telephone network beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.networks import Networks
from tests.harness.phone import SDP, Dialog, Phone, hang_up
from tests.harness.sipbox import Sipbox

PORT = 5060
NUMBER = "0891234"


@pytest.fixture
def net() -> Iterator[Networks]:
    with Networks() as networks:
        yield networks


@pytest.fixture
def box(net: Networks) -> Iterator[Sipbox]:
    with Sipbox(place=net.public()) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        server.cli("permission", "grant", "10", "ld")
        yield server


@pytest.fixture
def line(net: Networks, box: Sipbox) -> Iterator[Phone]:
    """The gateway, which the box knows by its address."""
    place = net.public()
    with box.phone("gateway", place=place, port=PORT) as line:
        box.cli("gateway", "add", "line", place.address, "--port", str(PORT))
        box.cli("route", "add", "any", "line")
        yield line


def test_a_call_out_and_its_changes_in_both_directions(net: Networks, box: Sipbox, line: Phone) -> None:
    with box.phone("10", "secret-10", place=net.home().place()) as phone:
        assert phone.register().status == 200
        invite = phone.invite(NUMBER)
        incoming = line.expect("INVITE")
        assert incoming.uri == f"sip:{NUMBER}@{line.address}"
        answer = line.reply(incoming, 200, body=SDP)
        ours = phone.dialog_as_caller(invite, phone.final(invite))
        phone.send(phone.within(ours, "ACK"))
        line.expect("ACK")
        theirs = line.dialog_as_callee(incoming, answer)
        for asks, hears, dialog in ((phone, line, ours), (line, phone, theirs)):
            hold = asks.within(dialog, "INVITE", body=SDP)
            asks.send(hold)
            hears.reply(hears.expect("INVITE"), 200, body=SDP)
            assert asks.final(hold).status == 200
            asks.send(asks.within(dialog, "ACK"))
            hears.expect("ACK")
        hang_up(phone, line, ours)


def test_a_call_in_and_who_hangs_up(net: Networks, box: Sipbox, line: Phone) -> None:
    with box.phone("11", "secret-11", place=net.home().place()) as phone:
        assert phone.register().status == 200
        for leaver in ("phone", "gateway"):
            request = line.request("INVITE", f"sip:11@{box.domain}", body=SDP)
            line.send(request)  # nobody asks it for a password
            incoming = phone.expect("INVITE")
            answer = phone.reply(incoming, 200, body=SDP)
            theirs = line.dialog_as_caller(request, line.final(request))
            line.send(line.within(theirs, "ACK"))
            phone.expect("ACK")
            ours = phone.dialog_as_callee(incoming, answer)
            if leaver == "phone":
                hang_up(phone, line, ours)
            else:
                hang_up(line, phone, theirs)


def test_a_thief_behind_a_nat(net: Networks, box: Sipbox, line: Phone) -> None:
    """By the Request-URI, as a registered contact, and in a call that is not the gateway's."""
    with (
        box.phone("11", "secret-11", place=net.home().place()) as thief,
        box.phone("10", "secret-10", place=net.home().place()) as accomplice,
    ):
        uri = f"sip:{NUMBER}@{line.address}"
        assert thief.ask(thief.request("INVITE", uri)).status == 403
        assert thief.ask(thief.request("INVITE", f"sip:{NUMBER}@{box.domain}")).status == 403
        assert accomplice.register().status == 200
        invite = thief.invite("10")
        accomplice.reply(accomplice.expect("INVITE"), 200)
        dialog: Dialog = thief.dialog_as_caller(invite, thief.final(invite))
        dialog.target = uri
        assert thief.ask(thief.within(dialog, "INVITE")).status == 403
        line.silent(1.0)
