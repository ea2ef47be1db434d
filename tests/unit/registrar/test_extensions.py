"""Path, Outbound and Service-Route: whose are taken, what is refused, and what the 200 says of them."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.registrar.phones import Desk

A = "sip:10@192.0.2.1"
ONE = '+sip.instance="<urn:uuid:1>"'
EDGE = "<sip:edge.example;lr>"
KEEPS_FLOWS = "<sip:core.example;lr>, <sip:token@edge.example;lr;ob>"
TCP = Hop("tcp", "192.0.2.1", 40000, 1, 7)
BY_PROXY = ("SIP/2.0/UDP edge.example;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2")


class TestPath:
    @pytest.mark.parametrize(
        ("setting", "supported", "edge", "status"),
        [
            ("supported", "path", False, 200),
            ("supported", "gruu", False, 420),
            ("supported", None, False, 420),
            ("supported", None, True, 200),
            ("trusted", "path", False, 403),
            ("trusted", None, True, 200),
            ("off", "path", False, 420),
            ("off", "path", True, 420),
        ],
    )
    def test_whose_path_is_taken(self, setting: str, supported: str | None, edge: bool, status: int) -> None:
        desk = Desk(path=setting)
        more = {} if supported is None else {"Supported": supported}
        told = desk.register(f"<{A}>", edge=edge, Path=EDGE, **more)
        assert told.status == status
        assert ("Unsupported: path" in told.headers) == (status == 420)
        assert [binding.path for binding in desk.locations] == ([EDGE] if status == 200 else [])

    def test_who_asks_for_no_path_needs_none(self) -> None:
        assert Desk(path="trusted").register(f"<{A}>").status == 200

    def test_that_it_is_required_is_as_good_as_nothing_where_it_is_off(self) -> None:
        assert Desk(path="off").register(f"<{A}>", Require="path").status == 420

    def test_in_2007_every_path_was_kept(self) -> None:
        assert Desk(profile="openser12", path="trusted").register(f"<{A}>", Path=EDGE).status == 200


class TestOutbound:
    def test_a_phone_with_several_flows_is_told_that_we_know_them(self) -> None:
        desk = Desk(flow_timer_seconds=90)
        told = desk.register(f"<{A}>;{ONE};reg-id=1", hop=TCP, vias=BY_PROXY[1:], Supported="path, outbound")
        assert told.status == 200
        assert "Require: outbound" in told.headers
        assert "Flow-Timer: 90" in told.headers

    def test_over_udp_the_phone_knows_its_nat_better(self) -> None:
        told = Desk(flow_timer_seconds=90).register(f"<{A}>;{ONE};reg-id=1", Supported="outbound")
        assert "Require: outbound" in told.headers
        assert not [line for line in told.headers if line.startswith("Flow-Timer")]

    @pytest.mark.parametrize(
        ("contact", "supported", "outbound"),
        [
            (f"<{A}>;{ONE}", "outbound", True),
            (f"<{A}>;reg-id=1", "outbound", True),
            (f"<{A}>;{ONE};reg-id=1", "path", True),
            (f"<{A}>;{ONE};reg-id=1", "outbound", False),
        ],
    )
    def test_who_does_not_ask_for_it_is_not_told(self, contact: str, supported: str, outbound: bool) -> None:
        told = Desk(outbound=outbound).register(contact, Supported=supported)
        assert told.status == 200
        assert "Require: outbound" not in told.headers

    def test_it_may_be_required(self) -> None:
        contact = f"<{A}>;{ONE};reg-id=1"
        assert "Require: outbound" in Desk().register(contact, Require="outbound").headers
        refused = Desk(outbound=False).register(contact, Require="outbound")
        assert (refused.status, list(refused.headers)) == (420, ["Unsupported: outbound"])

    def test_its_flow_is_where_it_is_called_even_by_udp(self) -> None:
        desk = Desk()
        hop = Hop("udp", "192.0.2.1", 1024)
        desk.register(f"<{A}>;{ONE};reg-id=1", hop=hop, Supported="outbound")
        assert (desk.one().hop, desk.one().received) == (hop, "sip:192.0.2.1:1024")
        assert not desk.one().nated

    def test_two_contacts_are_not_one_flow(self) -> None:
        contacts = (f"<{A}>;{ONE};reg-id=1", f"<{A}:5070>;{ONE};reg-id=2")
        assert Desk().register(*contacts, Supported="outbound").status == 400
        # One of them may be taken away with the other.
        away = (contacts[0], f"{contacts[1]};expires=0")
        assert Desk().register(*away, Supported="outbound").status == 200

    @pytest.mark.parametrize(
        ("path", "status"), [(None, 439), (EDGE, 439), (KEEPS_FLOWS, 200), ("<sip:e;lr;ob>, <sip:f;lr>", 439)]
    )
    def test_the_proxy_next_to_the_phone_has_to_keep_its_flows(self, path: str | None, status: int) -> None:
        more = {} if path is None else {"Path": path}
        contact = f"<{A}>;{ONE};reg-id=1"
        assert Desk().register(contact, vias=BY_PROXY, Supported="path, outbound", **more).status == status

    def test_without_flows_any_proxy_will_do(self) -> None:
        assert Desk().register(f"<{A}>;{ONE}", vias=BY_PROXY, Supported="outbound").status == 200


def test_phones_are_told_which_way_their_requests_are_to_go() -> None:
    routes = ("<sip:out.example;lr>", "<sip:core.example;lr>")
    told = Desk(service_route=routes).register(f"<{A}>")
    assert [line for line in told.headers if line.startswith("Service-Route")] == [
        "Service-Route: <sip:out.example;lr>",
        "Service-Route: <sip:core.example;lr>",
    ]
    assert not [line for line in Desk().register(f"<{A}>").headers if line.startswith("Service-Route")]
