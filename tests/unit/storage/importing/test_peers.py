"""Which trusted peers come over: none with a condition that would be lost."""

from __future__ import annotations

from appliance.storage.importing.left import Left
from appliance.storage.importing.peers import new_addresses, new_trusted
from tests.unit.storage.importing.old_rows import old


def trusted(**values: object) -> dict[str, object]:
    row = {"src_ip": "192.0.2.9", "proto": "any", "from_pattern": None, "ruri_pattern": None, "tag": None}
    return row | values


def test_trusted_peers() -> None:
    left = Left()
    rows = [
        trusted(tag="ld,int"),
        trusted(src_ip="192.0.2.10", proto="UDP", from_pattern="^sip:1.*", tag="gold"),
        trusted(src_ip="192.0.2.11", ruri_pattern="^sip:9"),
        trusted(src_ip="gateway.example"),
        trusted(src_ip="192.0.2.12", proto="sctp"),
        trusted(src_ip="192.0.2.13", from_pattern="("),
        trusted(src_ip="192.0.2.14"),
    ]
    found = new_trusted(old(trusted=rows), {("192.0.2.14", "any", "")}, left)
    assert found == [
        {"src_ip": "192.0.2.9", "proto": "any", "from_pattern": "", "tag": "ld,int"},
        {"src_ip": "192.0.2.10", "proto": "udp", "from_pattern": "^sip:1.*", "tag": ""},
    ]
    assert [line.partition(":")[0] for line in left.lines] == [
        "tag 'gold' of trusted 192.0.2.10",
        "trusted 192.0.2.11",
        "trusted gateway.example",
        "trusted 192.0.2.12",
        "trusted 192.0.2.13",
    ]


def test_networks() -> None:
    left = Left()
    rows = [
        {"grp": 1, "ip_addr": "192.0.2.70", "mask": 28, "port": 5060},
        {"grp": 1, "ip_addr": "192.0.2.9", "mask": 32, "proto": "udp", "pattern": None},
        {"grp": 1, "ip_addr": "192.0.2.9", "mask": 32, "proto": "any", "pattern": "gold"},
        {"grp": 1, "ip_addr": "here", "mask": 32},
        {"grp": 2, "ip_addr": "198.51.100.0", "mask": 24},
    ]
    found = new_addresses(old(address=rows), {(2, "198.51.100.0", 24, 0)}, left)
    assert found == [{"grp": 1, "ip_addr": "192.0.2.64", "mask": 28, "port": 5060}]
    assert len(left.lines) == 2  # two of them in the same words
