from __future__ import annotations

import dataclasses

import pytest

from appliance.errors import ControlError
from appliance.operations import commands
from appliance.proxy.pstn.gateway import Trial
from appliance.sip.uri import AddressOfRecord
from appliance.storage.peers import Address, Gateway, Route, Rows, Trusted
from tests.unit.operations.conftest import NOW, Bench

ROWS = Rows(
    (Gateway(1, "one", 2, "carrier", "192.0.2.9", 5060, "udp", 0, "", ""),),
    (Route(1, "00", "", 2, 5),),
    (Trusted(1, "192.0.2.1", "any", "", "int"),),
    (Address(1, 1, "192.0.2.0", 24, 0),),
)


def test_what_is_in_memory_is_told(bench: Bench) -> None:
    told = commands(
        dataclasses.replace(
            bench.box,
            peer_rows=lambda: ROWS,
            gateway_rests=lambda gateway, now: 12.4,
            gateway_failed=lambda gateway: NOW - 47.6,
        )
    )
    assert told["gateways"]() == [{**ROWS.gateways[0]._asdict(), "rests": 12, "failed_ago": 48}]
    assert told["routes"]() == [ROWS.routes[0]._asdict()]
    assert told["trusted"]() == [ROWS.trusted[0]._asdict()]
    assert told["addresses"]() == [ROWS.addresses[0]._asdict()]


def test_what_would_become_of_a_call(bench: Bench) -> None:
    def trial(caller: AddressOfRecord, number: str, now: float) -> Trial | None:
        assert (caller, now) == (AddressOfRecord("10", "example.org"), NOW)
        return Trial("ld", ["local"], [("one", f"sip:{number}@192.0.2.9")]) if number.isdigit() else None

    told = commands(dataclasses.replace(bench.box, try_number=trial))
    assert told["route"]("10@example.org", "089") == {
        "needed": "ld",
        "groups": ["local"],
        "allowed": False,
        "gateways": [{"gateway": "one", "uri": "sip:089@192.0.2.9"}],
    }
    with pytest.raises(ControlError, match="is no telephone number"):
        told["route"]("10@example.org", "door")


def test_all_is_read_again(bench: Bench) -> None:
    read: list[str] = []
    told = commands(
        dataclasses.replace(bench.box, peer_rows=lambda: ROWS, reload_peers=lambda: read.append("again"))
    )
    assert told["peers_reload"]() == 1
    assert read == ["again"]


def test_without_any_there_is_nothing_to_tell(bench: Bench) -> None:
    told = commands(bench.box)
    assert [told[name]() for name in ("gateways", "routes", "trusted", "addresses")] == [[], [], [], []]
