"""Which bindings of another server go on."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.registrar.binding import NATED, PERMANENT, Binding, ruid_of
from appliance.sip.uri import AddressOfRecord
from appliance.storage.importing.left import Left
from appliance.storage.importing.phones import Phones
from tests.unit.storage.importing.old_rows import NOW, phone

TEN = AddressOfRecord("10", "example.org")
OURS = ("udp:198.51.100.9:5060", "tcp:198.51.100.9:5060")
CONTACT = "sip:10@192.0.2.5:5060"


def known(username: object, _domain: object) -> AddressOfRecord | None:
    return TEN if username == "10" else None


class Found:
    def __init__(self, phones: Phones, bindings: list[Binding]) -> None:
        self.bindings = bindings
        self.over, self.here, self.elsewhere = phones.over, phones.here, phones.elsewhere


def taken(
    *rows: dict[str, Any], here: dict[str, float] | None = None, ours: tuple[str, ...] = OURS
) -> tuple[Found, Left]:
    left = Left()
    phones = Phones(known, ours, now=NOW, left=left)
    bindings = phones.newer(phones.read(rows), here or {})
    return Found(phones, bindings), left


def test_a_binding_has_what_its_phone_goes_on_with() -> None:
    found, left = taken(phone(CONTACT, instance='"<urn:uuid:1>"', reg_id=2, path="<sip:edge.example;lr>"))
    (binding,) = found.bindings
    assert not left.lines
    assert (binding.aor, binding.contact, binding.deadline) == (TEN, CONTACT, NOW + 600)
    assert (binding.call_id, binding.cseq, binding.q, binding.modified) == ("a call", 7, None, NOW - 60)
    assert (binding.instance, binding.reg_id, binding.path) == ("<urn:uuid:1>", 2, "<sip:edge.example;lr>")
    assert binding.ruid == ruid_of(TEN, CONTACT, "<urn:uuid:1>", 2)
    assert (binding.socket, binding.received, binding.cflags) == ("udp:198.51.100.9:5060", None, 0)


def test_the_listener_is_the_old_ones_where_it_is_ours_now() -> None:
    there = "udp:192.0.2.1:5060"
    (binding,) = taken(phone(CONTACT), ours=("udp:198.51.100.9:5060", there))[0].bindings
    assert binding.socket == there
    (binding,) = taken(phone(CONTACT), ours=("tcp:192.0.2.1:5060",))[0].bindings
    assert binding.socket is None


def test_a_phone_behind_a_nat_is_told_of() -> None:
    behind = phone("sip:10@10.0.0.7:5060", received="sip:203.0.113.5:41000")
    found, _ = taken(behind)
    assert (found.bindings[0].received, found.bindings[0].cflags) == ("sip:203.0.113.5:41000", NATED)
    assert found.elsewhere == {"udp:192.0.2.1:5060": 1}
    assert taken(behind, ours=("udp:192.0.2.1:5060",))[0].elsewhere == {}
    # Registered from where its Contact is: no NAT.
    found, _ = taken(phone(CONTACT, received=CONTACT.replace("10@", "")))
    assert (found.bindings[0].received, found.bindings[0].cflags) == (None, 0)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (phone("sip:10@192.0.2.5;transport=tls"), "its connection by tls ended with the old server"),
        (phone("sip:10@x.invalid;transport=ws"), "its connection by ws ended"),
        (phone(CONTACT, socket="wss:192.0.2.1:443"), "its connection by wss ended"),
        (
            phone("sip:10@10.0.0.7", received="sip:203.0.113.5:41000;transport=tcp"),
            "its connection through a NAT ended",
        ),
        (phone(CONTACT, received="sip:phones.example"), "where it registered from is no address"),
        (phone(CONTACT, path="<sip:edge;lr;nb=1>"), "its Path is none"),
        (phone("tel:+4930"), "no SIP URI"),
        (phone("nonsense"), "nonsense"),
        (phone(CONTACT, "nobody"), "no subscriber is nobody@(any domain)"),
    ],
)
def test_what_cannot_go_on_is_said(row: dict[str, Any], why: str) -> None:
    found, left = taken(row)
    assert not found.bindings
    (line,) = left.lines
    assert why in line
    assert left.counts == {"phones": 1}


def test_tcp_without_a_nat_is_called_at_its_contact() -> None:
    (binding,) = taken(phone(CONTACT + ";transport=tcp", socket="tcp:192.0.2.1:5060"))[0].bindings
    assert binding.socket == "tcp:198.51.100.9:5060"


def test_what_has_run_out_and_what_is_newer_here_is_counted() -> None:
    found, left = taken(phone(CONTACT, expires=NOW), phone(CONTACT, expires=0, last_modified=NOW))
    assert (found.over, len(found.bindings), left.lines) == (1, 1, [])
    assert found.bindings[0].deadline == PERMANENT
    ruid = ruid_of(TEN, CONTACT)
    assert taken(phone(CONTACT), here={ruid: NOW - 60})[0].here == 1
    assert taken(phone(CONTACT), here={ruid: NOW - 61})[0].here == 0


def test_of_two_rows_for_one_contact_the_newer_one_counts() -> None:
    rows = [phone(CONTACT, last_modified=NOW - 5, cseq=9), phone(CONTACT, last_modified=NOW - 50, cseq=8)]
    (binding,) = taken(*rows)[0].bindings
    assert binding.cseq == 9
