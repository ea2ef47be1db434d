from __future__ import annotations

import pytest

from appliance.proxy.pstn.trusted import Peer, Peers
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.storage.peers import Address, Rows, Trusted
from tests.unit.proxy.pstn.test_least_cost import gateway

NOBODY: frozenset[str] = frozenset()


def request(caller: str = "sip:10@a.org") -> Request:
    return Request.create("INVITE", "sip:11@b.org", [("From", f"<{caller}>;tag=1")])


def peers(*, group: int = 1, **rows: object) -> Peers:
    found = Peers(group, lambda request: request.uri_text == "sip:back@here")
    found.read(Rows(**rows))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("row", "hop", "known"),
    [
        ({}, Hop("udp", "192.0.2.201", 5060), True),
        ({}, Hop("udp", "192.0.2.201", 41000), True),  # no port stands there
        ({}, Hop("udp", "192.0.2.202", 5060), False),
        ({}, Hop("udp", "::ffff:192.0.2.201", 5060), True),
        ({"port": 5060}, Hop("udp", "192.0.2.201", 5060), True),
        ({"port": 5060}, Hop("udp", "192.0.2.201", 5061), False),
        ({"port": 5060}, Hop("tcp", "192.0.2.201", 41000), True),  # a stream's port is a passing one
        ({"transport": "udp"}, Hop("udp", "192.0.2.201", 5060), True),
        ({"transport": "udp"}, Hop("tcp", "192.0.2.201", 5060), False),
        ({"transport": "tcp"}, Hop("udp", "192.0.2.201", 5060), False),
        ({"host": "2001:db8::1"}, Hop("udp", "2001:db8::1", 5060), True),
    ],
)
def test_a_gateway_is_known_by_address_port_and_transport(
    row: dict[str, object], hop: Hop, known: bool
) -> None:
    found = peers(gateways=(gateway(1, 7, **row),)).sender(request(), hop)
    assert found == (Peer(True, 7, False, NOBODY) if known else None)


@pytest.mark.parametrize(
    ("row", "hop", "caller", "known"),
    [
        (("any", "", ""), Hop("tcp", "192.0.2.1", 41000), "sip:a@b", True),
        (("any", "", ""), Hop("tcp", "192.0.2.2", 41000), "sip:a@b", False),
        (("UDP", "", ""), Hop("udp", "192.0.2.1", 1), "sip:a@b", True),
        (("udp", "", ""), Hop("tcp", "192.0.2.1", 1), "sip:a@b", False),
        (("none", "", ""), Hop("udp", "192.0.2.1", 1), "sip:a@b", False),
        (("any", "^sip:.*@pbx[.]example$", ""), Hop("udp", "192.0.2.1", 1), "sip:a@pbx.example", True),
        (("any", "^sip:.*@pbx[.]example$", ""), Hop("udp", "192.0.2.1", 1), "sip:a@elsewhere.example", False),
        (("any", "([", ""), Hop("udp", "192.0.2.1", 1), "sip:a@b", False),  # a broken pattern fits nobody
    ],
)
def test_a_trusted_peer_is_known_by_address_protocol_and_from(
    row: tuple[str, str, str], hop: Hop, caller: str, known: bool
) -> None:
    found = peers(trusted=(Trusted(1, "192.0.2.1", *row),)).sender(request(caller), hop)
    assert found == (Peer(False, 0, True, NOBODY) if known else None)


def test_its_tags_are_its_rights() -> None:
    rows = (Trusted(1, "192.0.2.1", "any", "", "ld, int"), Trusted(2, "192.0.2.1", "udp", "", "local"))
    found = peers(trusted=rows).sender(request(), Hop("udp", "192.0.2.1", 1))
    assert found is not None
    assert found.rights == {"ld", "int", "local"}
    found = peers(trusted=rows).sender(request(), Hop("tcp", "192.0.2.1", 1))
    assert found is not None
    assert found.rights == {"ld", "int"}


@pytest.mark.parametrize(
    ("row", "hop", "known"),
    [
        ((1, "192.0.2.0", 24, 0), Hop("udp", "192.0.2.77", 1), True),
        ((1, "192.0.2.0", 24, 0), Hop("udp", "192.0.3.77", 1), False),
        ((1, "192.0.2.0", 24, 5060), Hop("udp", "192.0.2.77", 1), False),
        ((1, "192.0.2.0", 24, 5060), Hop("udp", "192.0.2.77", 5060), True),
        ((2, "192.0.2.0", 24, 0), Hop("udp", "192.0.2.77", 1), False),
        ((1, "192.0.2.5", 32, 0), Hop("tcp", "192.0.2.5", 1), True),
        ((1, "2001:db8::", 32, 0), Hop("udp", "2001:db8::9", 1), True),
        ((1, "2001:db8::", 32, 0), Hop("udp", "192.0.2.5", 1), False),
        ((1, "192.0.2.5", 64, 0), Hop("udp", "192.0.2.5", 1), False),
    ],
)
def test_networks_of_the_table_address(row: tuple[int, str, int, int], hop: Hop, known: bool) -> None:
    assert (peers(addresses=(Address(1, *row),)).sender(request(), hop) is not None) is known


def test_no_group_trusts_no_address() -> None:
    rows = (Address(1, 0, "192.0.2.0", 24, 0), Address(2, 1, "192.0.2.0", 24, 0))
    assert peers(group=0, addresses=rows).sender(request(), Hop("udp", "192.0.2.1", 1)) is None


def test_a_gateway_may_be_trusted_too() -> None:
    rows = {"gateways": (gateway(1, 3),), "trusted": (Trusted(1, "192.0.2.201", "any", "", "int"),)}
    found = peers(**rows).sender(request(), Hop("udp", "192.0.2.201", 5060))
    assert found == Peer(True, 3, True, frozenset({"int"}))


def test_what_we_have_sent_ourselves_is_nobodys_word() -> None:
    own = Request.create("INVITE", "sip:back@here", [("From", "<sip:10@a.org>;tag=1")])
    rows = {"trusted": (Trusted(1, "192.0.2.1", "any", "", "int"),)}
    assert peers(**rows).sender(own, Hop("udp", "192.0.2.1", 5060)) is None
    assert peers(**rows).sender(request(), Hop("udp", "192.0.2.1", 5060)) is not None


def test_where_they_are() -> None:
    rows = {
        "gateways": (gateway(1),),
        "trusted": (Trusted(1, "2001:db8::1", "tcp", "^sip:10@", ""), Trusted(2, "nobody", "any", "", "")),
        "addresses": (Address(1, 1, "203.0.113.0", 24, 5060), Address(2, 2, "198.51.100.0", 24, 0)),
    }
    assert {str(each) for each in peers(**rows).places} == {
        "192.0.2.201/32",
        "2001:db8::1/128",
        "203.0.113.0/24",
    }


def test_rows_that_are_gone_count_no_more() -> None:
    found = peers(gateways=(gateway(1),))
    found.read(Rows())
    assert found.sender(request(), Hop("udp", "192.0.2.201", 5060)) is None
