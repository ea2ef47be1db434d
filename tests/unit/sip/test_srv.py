"""SRV records: the order in which servers are tried, and how often each comes first."""

from __future__ import annotations

from collections import Counter

from appliance.sip.srv import Srv, chance_of, in_order


def srv(target: str, priority: int = 10, weight: int = 0) -> Srv:
    return Srv(priority, weight, 5060, target)


def firsts(records: list[Srv], draws: int = 4000) -> Counter[str]:
    return Counter(in_order(records, chance_of(f"call-{number}"))[0].target for number in range(draws))


def test_a_smaller_priority_comes_first_whatever_the_weights() -> None:
    records = [srv("c", 30, 9), srv("a", 10, 0), srv("d", 40), srv("b", 20, 65_535)]
    for number in range(50):
        ordered = in_order(records, chance_of(str(number)))
        assert [each.target for each in ordered] == ["a", "b", "c", "d"]


def test_weights_say_how_often_each_of_equals_is_the_first() -> None:
    found = firsts([srv("one", weight=10), srv("three", weight=30), srv("six", weight=60)])
    assert 0.07 < found["one"] / 4000 < 0.13
    assert 0.26 < found["three"] / 4000 < 0.34
    assert 0.55 < found["six"] / 4000 < 0.65


def test_without_weights_all_are_alike() -> None:
    found = firsts([srv("a"), srv("b"), srv("c"), srv("d")])
    assert set(found) == set("abcd")
    assert min(found.values()) > 850


def test_no_weight_beside_weights_is_a_small_chance_and_not_none() -> None:
    found = firsts([srv("rare"), srv("usual", weight=100)])
    assert 0 < found["rare"] < 200


def test_the_second_choice_follows_the_weights_too() -> None:
    records = [srv("a", weight=50), srv("b", weight=10), srv("c", weight=40)]
    second = Counter(
        ordered[1].target
        for number in range(4000)
        if (ordered := in_order(records, chance_of(f"call-{number}")))[0].target == "a"
    )
    assert 0.14 < second["b"] / second.total() < 0.27  # 10 of 50


def test_the_same_chance_gives_the_same_order_whatever_the_order_of_the_answer() -> None:
    records = [srv(name, weight=weight) for name, weight in zip("abcde", (5, 5, 0, 20, 1), strict=True)]
    for number in range(50):
        chance = chance_of(f"call-{number}")
        ordered = in_order(records, chance)
        assert sorted(ordered) == sorted(records)
        assert in_order(records[::-1], chance) == ordered
