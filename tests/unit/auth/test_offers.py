"""Which algorithms are asked for next."""

from __future__ import annotations

import pytest

from appliance.auth.offers import Offers

ALL = ("SHA-512-256", "SHA-256", "MD5")


@pytest.mark.parametrize(
    ("answered", "next_"),
    [
        ("SHA-512-256", ("SHA-256", "MD5")),
        ("SHA-256", ("MD5",)),
        ("SHA-256-SESS", ("MD5",)),
        ("MD5", ()),
        ("MD5-SESS", ()),
        ("CRC", ()),
    ],
)
def test_who_is_not_believed_is_asked_for_what_stands_behind(answered: str, next_: tuple[str, ...]) -> None:
    assert Offers(ALL).behind(answered) == next_


def test_a_single_algorithm_has_nothing_behind_it() -> None:
    assert Offers(("SHA-256",)).behind("SHA-256") == ()
    assert Offers().all == ("MD5",)
    assert Offers().accepted == {"MD5", "MD5-SESS"}


def test_what_a_user_has_is_asked_for_in_our_order() -> None:
    assert Offers(ALL).among(["MD5", "SHA-512-256"]) == ("SHA-512-256", "MD5")


def test_somebody_has_to_be_asked_for_something() -> None:
    with pytest.raises(ValueError, match="something"):
        Offers(())
