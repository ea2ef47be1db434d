from __future__ import annotations

import pytest

from appliance.config import Settings
from appliance.proxy.pstn.number_groups import NOBODY, NumberGroups

DEFAULT = NumberGroups(Settings().gateway.permissions)


@pytest.mark.parametrize(
    ("number", "group"),
    [
        ("+4989123", "int"),
        ("004989123", "int"),
        ("089123", "ld"),
        ("123456", "local"),
        ("112", ""),
        ("1124", "local"),  # begins so, and is another number
        ("+112", "int"),
    ],
)
def test_the_longest_beginning_says_who_may_call(number: str, group: str) -> None:
    assert DEFAULT.needed(number) == group


def test_a_number_that_nothing_fits_is_for_nobody() -> None:
    groups = NumberGroups(["0=ld", "0900=premium", "0800="])
    assert groups.needed("123") is NOBODY
    assert groups.needed("0900123") == "premium"
    assert groups.needed("0800123") == ""
    assert NumberGroups([]).needed("112") is NOBODY
