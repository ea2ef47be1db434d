from __future__ import annotations

import pytest

from appliance.proxy.pstn.least_cost import LeastCost, number_for, targets_of
from appliance.sip.hop import Hop
from appliance.storage.peers import Gateway, Route, Rows


def gateway(number: int, group: int = 1, **values: object) -> Gateway:
    fields = {
        "id": number, "name": f"gw{number}", "group": group, "group_name": "",
        "host": f"192.0.2.{200 + number}", "port": 0, "transport": "", "strip": 0, "prefix": "",
        "hostname": "",
    } | values  # fmt: skip
    return Gateway(**fields)  # type: ignore[arg-type]


def route(prefix: str, group: int, priority: int = 0, from_uri: str = "") -> Route:
    return Route(0, prefix, from_uri, group, priority)


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def least_cost(failures: list[str]) -> LeastCost:
    return LeastCost(60.0, failures.append)


def names(
    least_cost: LeastCost, number: str, caller: str = "sip:10@a.org", call: str = "c", now: float = 0
) -> list[str]:
    return [each.name for each in least_cost.gateways(number, caller, call, now)]


def test_without_gateways_or_routes_there_is_no_way_outside(least_cost: LeastCost) -> None:
    assert not least_cost.any
    least_cost.read(Rows((gateway(1),), ()))
    assert not least_cost.any
    least_cost.read(Rows((gateway(1),), (route("", 1),)))
    assert least_cost.any
    assert names(least_cost, "089") == ["gw1"]


def test_the_longest_prefix_comes_first_and_then_the_lowest_cost(least_cost: LeastCost) -> None:
    gateways = tuple(gateway(n, n) for n in (1, 2, 3, 4))
    routes = (route("", 1), route("0049", 2, 20), route("0049", 3, 10), route("00491", 4, 99), route("1", 1))
    least_cost.read(Rows(gateways, routes))
    assert names(least_cost, "004912") == ["gw4", "gw3", "gw2", "gw1"]
    assert names(least_cost, "004989") == ["gw3", "gw2", "gw1"]
    assert names(least_cost, "0033") == ["gw1"]


def test_a_route_may_be_for_some_callers(least_cost: LeastCost) -> None:
    routes = (route("0", 1, 0, r"^sip:1\d@"), route("0", 2, 1), route("0", 3, 0, "(["))
    least_cost.read(Rows(tuple(gateway(n, n) for n in (1, 2, 3)), routes))
    assert names(least_cost, "089", "sip:10@a.org") == ["gw1", "gw2"]
    assert names(least_cost, "089", "sip:20@a.org") == ["gw2"]


def test_gateways_of_a_group_share_the_calls_and_a_call_finds_the_same(least_cost: LeastCost) -> None:
    least_cost.read(Rows((gateway(1), gateway(2), gateway(3)), (route("", 1),)))
    first = [names(least_cost, "089", call=f"call{n}")[0] for n in range(300)]
    assert all(60 < first.count(f"gw{n}") < 140 for n in (1, 2, 3))
    assert first == [names(least_cost, "089", call=f"call{n}")[0] for n in range(300)]
    assert sorted(names(least_cost, "089")) == ["gw1", "gw2", "gw3"]


def test_one_that_has_failed_is_tried_last_for_a_while(least_cost: LeastCost, failures: list[str]) -> None:
    least_cost.read(Rows((gateway(1, 1), gateway(2, 2)), (route("", 1, 0), route("", 2, 1))))
    assert least_cost.failed_last(1) is None
    least_cost.failed(1, 100.0)
    assert least_cost.failed_last(1) == 100.0
    assert names(least_cost, "089", now=101) == ["gw2", "gw1"]
    assert least_cost.rests(1, 101) == 59
    least_cost.failed(1, 110.0)
    assert names(least_cost, "089", now=169) == ["gw2", "gw1"]
    assert names(least_cost, "089", now=170) == ["gw1", "gw2"]
    assert least_cost.rests(1, 170) == 0
    least_cost.failed(1, 200.0)
    least_cost.failed(7, 200.0)  # is there no more
    assert failures == ["gw1", "gw1", "gw1"]


def test_the_number_and_the_way_as_the_gateway_wants_them() -> None:
    one = gateway(1, strip=1, prefix="+49")
    assert number_for(one, "089123") == "+4989123"
    (target,) = targets_of([one], "089123")
    assert (target.uri, target.hop, target.gateway) == (
        "sip:+4989123@192.0.2.201",
        Hop("udp", "192.0.2.201", 5060, -1),
        1,
    )
    other = gateway(2, host="2001:db8::9", port=5070, transport="tcp", hostname="sip.carrier.example")
    two = targets_of([other, gateway(3, host="2001:db8::a")], "112")
    assert two[0].uri == "sip:112@sip.carrier.example:5070;transport=tcp"
    assert two[0].hop == Hop("tcp", "2001:db8::9", 5070, -1)
    assert two[1].uri == "sip:112@[2001:db8::a]"
    assert two[0].q > two[1].q
