"""Which rtpengine has which call."""

from __future__ import annotations

from collections import Counter

from appliance.media.choice import in_order

NODES = ["192.0.2.1:2223", "192.0.2.2:2223", "192.0.2.3:2223"]
CALLS = [f"call{number}@phone" for number in range(3000)]


def test_all_nodes_are_in_the_order_and_it_is_the_same_each_time() -> None:
    for call in CALLS[:50]:
        order = in_order(call, NODES)
        assert sorted(order) == NODES
        assert order == in_order(call, NODES) == in_order(call, NODES[::-1])


def test_each_node_has_its_share_of_the_calls() -> None:
    shares = Counter(in_order(call, NODES)[0] for call in CALLS)
    assert all(800 < shares[node] < 1200 for node in NODES)


def test_a_node_less_moves_its_own_calls_only_and_to_those_who_were_next() -> None:
    for call in CALLS[:300]:
        first, second, third = in_order(call, NODES)
        assert in_order(call, [second, third]) == [second, third]
        assert in_order(call, [first, third])[0] == first


def test_bytes_that_are_no_utf8_have_a_node_too() -> None:
    assert in_order("\udcff\udcfe", NODES)[0] in NODES
    assert in_order("x", NODES[:1]) == NODES[:1]
