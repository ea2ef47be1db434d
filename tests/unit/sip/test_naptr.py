"""NAPTR records of a number: which of them counts, and what its rule makes of the number."""

from __future__ import annotations

import time

import pytest

from appliance.sip.naptr import Naptr, UnreadableRule, apply_rule, number_name, sip_addresses

NUMBER = "+4989123456"


def record(order: int, preference: int, user: str, service: str = "E2U+sip", flags: str = "u") -> Naptr:
    return Naptr(order, preference, flags, service, f"!^.*$!sip:{user}@example.net!")


def test_the_name_of_a_number() -> None:
    assert number_name("+442079460148", "e164.arpa") == "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa"


def test_the_order_counts_before_the_preference() -> None:
    records = [record(20, 1, "d"), record(10, 50, "b"), record(10, 60, "c"), record(5, 99, "a")]
    assert list(sip_addresses(records, NUMBER)) == [f"sip:{user}@example.net" for user in "abcd"]


@pytest.mark.parametrize("service", ["E2U+sip", "e2u+SIP", "E2U+voice:tel+sip", "E2U+sip:voice", "sip+E2U"])
def test_services_that_are_sip(service: str) -> None:
    assert list(sip_addresses([record(1, 1, "a", service)], NUMBER)) == ["sip:a@example.net"]


@pytest.mark.parametrize(
    "other",
    [
        record(1, 1, "a", "E2U+email:mailto"),
        record(1, 1, "a", "E2U+pstn:sip"),
        record(1, 1, "a", "SIP+D2U"),
        record(1, 1, "a", ""),
        record(1, 1, "a", flags=""),
        record(1, 1, "a", flags="s"),
        Naptr(1, 1, "u", "E2U+sip", ""),
        Naptr(1, 1, "u", "E2U+sip", r"!^\+44.*$!sip:a@example.net!"),
        Naptr(1, 1, "u", "E2U+sip", "!^.*$!tel:+49!"),
        Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:a@example.net\r\nRoute: <sip:b>!"),
        Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:a@example.net>;x=<y!"),
        Naptr(1, 1, "u", "E2U+sip", "!^(.*$!sip:a@example.net!"),
    ],
)
def test_others_are_passed_over(other: Naptr) -> None:
    assert list(sip_addresses([other, record(2, 1, "b")], NUMBER)) == ["sip:b@example.net"]


@pytest.mark.parametrize(
    ("rule", "becomes"),
    [
        ("!^.*$!sip:info@example.net!", "sip:info@example.net"),
        (r"!^\+(.*)$!sip:\1@example.net!", "sip:4989123456@example.net"),
        (r"!^\+49(89)([0-9]+)$!sip:\2-\1@example.net!i", "sip:123456-89@example.net"),
        (r"!^(\+49)[[:digit:]]{2,4}(.*)!sip:\2@\1!", "sip:3456@+49"),
        (r"/^\+(49|44)89/sip:\1@a\/b/", "sip:49@a/b"),
        (r"!^.*$!sip:a\!b@example.net!", "sip:a!b@example.net"),
        (r"!^[+]4989.*$!sip:a@example.net!", "sip:a@example.net"),
        (r"!^[]\+]4989.*$!sip:a@example.net!", "sip:a@example.net"),
        ("!^[^0-9]49!sip:a@example.net!", "sip:a@example.net"),
        ("!^4989!sip:a@example.net!", ""),
        ("!^.49891234567+$!sip:a@example.net!", ""),
    ],
)
def test_a_rule(rule: str, becomes: str) -> None:
    assert apply_rule(rule, NUMBER) == becomes


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "!",
        "!^.*$!sip:a@b",
        "!^.*$!sip:a@b!x",
        "!^.*$!a!b!c!",
        "1^.*$1sip:a@b1",
        r"!^.*$!sip:\1@b!",
        r"!^(a)\1!sip:a@b!",
        r"!^\d+$!sip:a@b!",
        "!(?:x)!sip:a@b!",
        "!(?=x)!sip:a@b!",
        "!(.*)*$!sip:a@b!",
        "!(a|b)+!sip:a@b!",
        "!a**!sip:a@b!",
        "!.*.*.*.*.*.*x!sip:a@b!",
        "!(|)(|)(|)(|)(|)(|)x!sip:a@b!",
        "!^[[:punct:]]!sip:a@b!",
        "![!sip:a@b!",
        "!^.{!sip:a@b!",
        "!)!sip:a@b!",
        "!\\",
    ],
)
def test_rules_that_are_none_or_would_cost_too_much(rule: str) -> None:
    with pytest.raises(UnreadableRule):
        apply_rule(rule, NUMBER)


def test_the_most_expensive_rule_is_cheap() -> None:
    text = "+" + "1" * 15
    began = time.process_time()
    assert apply_rule("!.*.*.*.*.*x!sip:a@b!", text) == ""
    assert apply_rule("!.*.*(.?|.?)x!sip:a@b!", text) == ""
    assert time.process_time() - began < 2
