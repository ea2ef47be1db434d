"""Prefixes of other sites: what may be one."""

from __future__ import annotations

import pytest

from appliance.errors import ControlError
from appliance.operations import commands
from tests.unit.operations.conftest import Bench


def test_what_is_added_is_shown_until_it_is_taken_away(bench: Bench) -> None:
    told = commands(bench.box)
    told["prefix_add"]("*", "77", "Branch.example:5080")
    told["prefix_add"]("Example.org", "78", "[2001:db8::7]:5080")
    assert told["prefixes"]() == [
        {"source": "*", "prefix": "77", "domain": "branch.example:5080"},
        {"source": "example.org", "prefix": "78", "domain": "[2001:db8::7]:5080"},
    ]
    assert told["prefixes_reload"]() == 2
    assert told["prefix_remove"]("EXAMPLE.ORG", "[2001:db8::7]:5080") == 1
    assert told["prefix_remove"]("*", "elsewhere.example") == 0


@pytest.mark.parametrize(
    ("source", "prefix", "domain"),
    [
        ("*", "", "a.example"),
        ("*", "7 7", "a.example"),
        ("*", "7" * 33, "a.example"),
        ("*", "77", ""),
        ("*", "77", "b@a.example"),
        ("*", "77", "a.example;x=y"),
        ("*", "77", "a.example:x"),
        ("*", "77", "a" * 129),
        ("", "77", "a.example"),
        ("a b", "77", "a.example"),
    ],
)
def test_what_cannot_be_one(bench: Bench, source: str, prefix: str, domain: str) -> None:
    with pytest.raises(ControlError, match="400 Bad parameter"):
        commands(bench.box)["prefix_add"](source, prefix, domain)


def test_a_prefix_leads_to_one_place(bench: Bench) -> None:
    told = commands(bench.box)
    told["prefix_add"]("*", "77", "a.example")
    with pytest.raises(ControlError, match="400 Prefix exists already"):
        told["prefix_add"]("*", "77", "b.example")
