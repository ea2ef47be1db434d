"""The commands of the modules lcr and permissions, in OpenSER's words."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import ControlError
from tests.unit.agent.commands.answering import Answering, run

GATEWAYS = [
    {"group": 1, "host": "192.0.2.9", "port": 0, "transport": "", "strip": 1, "prefix": "+49"},
    {"group": 2, "host": "2001:db8::9", "port": 5070, "transport": "tcp", "strip": 0, "prefix": ""},
]
ROUTES = [{"prefix": "00", "from_uri": "^sip:1", "group": 1, "priority": 5}]
GW_LINES = (
    "GW::  GRP_ID=1 URI=sip:192.0.2.9:5060 STRIP=1 PREFIX=+49\n"
    "GW::  GRP_ID=2 URI=sip:[2001:db8::9]:5070;transport=tcp STRIP=0 PREFIX=\n"
)
LCR_LINE = "LCR::  PREFIX=00 FROM_URI=^sip:1 GRP_ID=1 PRIORITY=5\n"


@pytest.mark.parametrize(
    ("command", "lines"),
    [("lcr_dump", GW_LINES + LCR_LINE), ("lcr_gw_dump", GW_LINES), ("lcr_lcr_dump", LCR_LINE)],
)
def test_gateways_and_routes_are_told(command: str, lines: str) -> None:
    assert run(Answering(gateways=GATEWAYS, routes=ROUTES), command) == f"200 OK\n{lines}\n"


def test_trusted_peers_are_told_as_openser_does() -> None:
    rows = [
        {"host": "192.0.2.1", "proto": "udp", "pattern": "^sip:", "tag": "int"},
        {"host": "192.0.2.2", "proto": "any", "pattern": "", "tag": ""},
        {"host": "192.0.2.3", "proto": "none", "pattern": "", "tag": ""},
    ]
    lines = run(Answering(trusted=rows), "trusted_dump").splitlines()
    assert [line.partition("<")[2] for line in lines[1:3]] == [
        "192.0.2.1, 1, ^sip:, int>",
        "192.0.2.2, 0, NULL, NULL>",
    ]
    assert len(lines) == 4


def test_addresses_and_networks_are_told_apart() -> None:
    rows = [
        {"group": 1, "host": "192.0.2.1", "mask": 32, "port": 5060},
        {"group": 1, "host": "192.0.2.0", "mask": 24, "port": 0},
        {"group": 2, "host": "2001:db8::1", "mask": 128, "port": 0},
        {"group": 2, "host": "2001:db8::", "mask": 32, "port": 0},
    ]
    addresses = run(Answering(addresses=rows), "address_dump").splitlines()
    told = [line.partition("<")[2] for line in addresses[1:3]]
    assert told == ["1, 192.0.2.1, 5060>", "2, 2001:db8::1, 0>"]
    networks = run(Answering(addresses=rows), "subnet_dump")
    assert networks == "200 OK\n   0 <1, 192.0.2.0, 24, 0>\n   1 <2, 2001:db8::, 32, 0>\n\n"


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("lcr_reload", "Reload of gateways failed"),
        ("trusted_reload", "Trusted table reload failed"),
        ("address_reload", "Address table reload failed"),
    ],
)
def test_they_are_read_again(command: str, failure: str) -> None:
    process = Answering(peers_reload=1)
    assert run(process, command) == "200 OK\n\n"
    assert process.asked == [("peers_reload", {})]

    class Away(Answering):
        def ask(self, command: str, /, **args: Any) -> Any:
            raise ControlError(503, "the database is away")

    assert run(Away(), command) == f"400 {failure}\n\n"
