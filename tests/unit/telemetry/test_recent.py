from __future__ import annotations

from collections.abc import Iterator

from appliance.telemetry.journal import Journal
from appliance.telemetry.recent import KEPT, Recent


def clock() -> Iterator[float]:
    yield from map(float, range(1_000))


def test_the_newest_comes_first_and_a_few_are_kept() -> None:
    recent = Recent(clock().__next__)
    for number in range(KEPT + 3):
        recent.call("10@a", f"{number}@a", 200, "answered", 3.5)
    assert [call["callee"] for call in recent.calls][:2] == ["12@a", "11@a"]
    assert len(recent.calls) == KEPT
    assert recent.calls[0] == {
        "when": 12.0,
        "caller": "10@a",
        "callee": "12@a",
        "status": 200,
        "result": "answered",
        "seconds": 3.5,
    }


def test_what_is_said_again_is_counted() -> None:
    recent = Recent(clock().__next__)
    for words in ("a", "b", "b", "a"):
        recent.trouble(words)
    assert [(each["what"], each["times"], each["when"]) for each in recent.troubles] == [
        ("a", 2, 3.0),
        ("b", 2, 2.0),
    ]


def test_the_journal_remembers_troubles_even_if_it_is_told_to_be_quiet() -> None:
    told: list[str] = []
    journal = Journal(lambda level, message, fields: told.append(message), "critical")
    journal.event("binding-added", "a phone came")
    journal.event("auth-failed", "192.0.2.1 REGISTER as 10@a: wrong response\n")
    journal.event("database-lost", "the database is away")
    journal.say("info", "hello")
    journal.say("error", "a fault")
    assert not told
    assert [each["what"] for each in journal.recent.troubles] == [
        "a fault",
        "the database is away",
        "192.0.2.1 REGISTER as 10@a: wrong response\\x0a",
    ]
