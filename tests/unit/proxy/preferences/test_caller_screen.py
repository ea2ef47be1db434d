"""Whom a user does not want to hear."""

from __future__ import annotations

import pytest

from appliance.registrar.preferences import Preferences
from tests.unit.proxy.stage import DOMAIN, Sent, Stage
from tests.unit.proxy.telephone_network import to

PHONE = "192.0.2.11"


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", f"sip:11@{PHONE}")
    return stage


def wish(stage: Stage, **wishes: object) -> None:
    stage.wishes[f"11@{DOMAIN}"] = Preferences(**wishes)  # type: ignore[arg-type]


def strangers(stage: Stage, caller: str, method: str = "INVITE", **options: object) -> list[Sent]:
    return stage.receive(stage.request(method, caller=caller, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize(
    "wishes",
    [
        {"blocked": frozenset({"bob"})},
        {"blocked": frozenset({"bob@spam.example"})},
        {"blocked": frozenset({"@spam.example"})},
        {"blocked_beginnings": ("bo", "x")},
    ],
)
def test_a_blocked_caller_is_declined(stage: Stage, method: str, wishes: dict[str, object]) -> None:
    wish(stage, always="12", **wishes)
    (refusal,) = strangers(stage, "sip:Bob@spam.example", method)
    assert (refusal.message.status, refusal.message.reason) == (603, "Decline")


@pytest.mark.parametrize("caller", ["sip:alice@spam.example", "sip:bobby@other.example"])
def test_others_are_not(stage: Stage, caller: str) -> None:
    wish(stage, blocked=frozenset({"bob", "bobby@spam.example", "@worse.example"}), blocked_beginnings=("0",))
    assert to(strangers(stage, caller), PHONE)


def test_a_user_of_ours_may_be_blocked_too(stage: Stage) -> None:
    wish(stage, blocked=frozenset({"10"}))
    _, sent = stage.let_in(stage.request("INVITE"))
    assert [each.message.status for each in sent if each.message.status] == [603]


ANONYMOUS = "sip:anonymous@anonymous.invalid"


@pytest.mark.parametrize(
    ("caller", "privacy"),
    [(ANONYMOUS, ()), ("sip:Anonymous@x.example", ()), ("sip:bob@x.example", (("Privacy", "critical; ID"),))],
)
def test_who_hides_is_told_433(stage: Stage, caller: str, privacy: tuple[tuple[str, str], ...]) -> None:
    assert to(strangers(stage, caller, headers=privacy), PHONE)
    wish(stage, rejects_anonymous=True)
    (refusal,) = strangers(stage, caller, headers=privacy)
    assert (refusal.message.status, refusal.message.reason) == (433, "Anonymity Disallowed")


def test_who_does_not_hide_is_let_in(stage: Stage) -> None:
    wish(stage, rejects_anonymous=True)
    assert to(strangers(stage, "sip:bob@x.example", headers=(("Privacy", "none"),)), PHONE)
    assert to(strangers(stage, ANONYMOUS, "OPTIONS"), PHONE)
