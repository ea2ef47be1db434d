"""Bindings and time for the tests of workers."""

from __future__ import annotations

from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

AOR = AddressOfRecord("10", "example.org")


def binding(ruid: str = "r1", *, modified: float = 100.0, contact: str = "sip:10@192.0.2.9") -> Binding:
    return Binding(AOR, contact, 5000.0, "call-1", 1, ruid=ruid, modified=modified)


def flow(number: int, port: int = 5060) -> Hop:
    return Hop("tcp", "192.0.2.9", port, 1, number)
