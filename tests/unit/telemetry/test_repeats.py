from __future__ import annotations

from appliance.telemetry.events import EVENTS
from appliance.telemetry.journal import Journal
from appliance.telemetry.repeats import DIFFERENT, WINDOW_SECONDS, Repeats


class Told:
    """A journal whose clock is set by hand, and what it has written."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[tuple[str, str, dict[str, str]]] = []
        self.journal = Journal(lambda *line: self.lines.append(line), clock=lambda: self.now)

    @property
    def words(self) -> list[str]:
        return [words for _, words, _ in self.lines]

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.journal.tick()


def test_the_first_is_told_at_once_and_the_others_at_the_end_of_the_minute() -> None:
    told = Told()
    for number in range(133):
        told.journal.event("auth-failed", "192.0.2.1 as 10@a: bad response", sip_call_id=f"call {number}")
        told.after(0.1)
    assert told.words == ["192.0.2.1 as 10@a: bad response"]
    told.after(WINDOW_SECONDS)
    (_, _, first), (level, words, fields) = told.lines
    assert first["SIP_CALL_ID"] == "call 0"
    assert (level, words) == (
        "notice",
        "192.0.2.1 as 10@a: bad response: and 132 more of these in the last 73 s",
    )
    assert fields == {
        "EVENT": "auth-failed",
        "MESSAGE_ID": EVENTS["auth-failed"].message_id,
        "SIP_CALL_ID": "call 132",
        "REPEATED": "132",
    }


def test_what_goes_on_is_one_line_a_minute_and_what_comes_back_later_is_told_at_once() -> None:
    told = Told()
    for _ in range(180):
        told.journal.say("warning", "no")
        told.after(1)
    assert told.words == ["no", *["no: and 59 more of these in the last minute"], *told.words[2:]]
    assert told.words[2:] == ["no: and 60 more of these in the last minute"] * 2
    told.after(WINDOW_SECONDS)
    told.after(WINDOW_SECONDS)
    told.journal.say("warning", "no")
    assert told.words[-1] == "no"


def test_who_says_something_else_each_time_does_not_fill_the_journal() -> None:
    told = Told()
    for number in range(1000):
        told.journal.event("auth-failed", f"192.0.2.1 as {number}@a: unknown user", sip_aor=f"{number}@a")
    assert len(told.lines) == DIFFERENT
    told.after(WINDOW_SECONDS)
    level, words, fields = told.lines[-1]
    assert (level, words) == (
        "notice",
        f"Credentials were wrong: and {1000 - DIFFERENT} more of these in the last minute",
    )
    assert fields["EVENT"] == "auth-failed"
    assert "SIP_AOR" not in fields
    # Another kind has its own room.
    told.journal.event("registration-refused", "REGISTER 10@a 403 Forbidden")
    assert told.words[-1] == "REGISTER 10@a 403 Forbidden"


def test_nothing_is_lost_when_the_process_ends() -> None:
    told = Told()
    for _ in range(3):
        told.journal.say("error", "a fault", "Traceback", logger="sipbox.agent")
    told.now += 7
    told.journal.settle()
    assert told.words == ["a fault", "a fault: and 2 more of these in the last 7 s"]
    told.journal.settle()
    assert len(told.lines) == 2


def test_what_is_no_failure_or_is_counted_by_others_is_always_told() -> None:
    told = Told()
    for name in ("binding-added", "call-ended", "database-lost", "source-banned", "phone-denied"):
        told.journal.event(name, "the same words")
        told.journal.event(name, "the same words")
    told.journal.say("info", "hello")
    told.journal.say("info", "hello")
    assert len(told.lines) == 12


def test_what_is_not_told_is_not_counted() -> None:
    lines: list[str] = []
    journal = Journal(lambda _, words, __: lines.append(words), "critical", clock=lambda: 0.0)
    journal.event("auth-failed", "no")
    journal.event("auth-failed", "no")
    journal.settle()
    assert lines == []


def test_it_remembers_nothing_when_all_has_been_quiet_for_a_minute() -> None:
    repeats = Repeats(window=60, different=2)
    for number in range(5):
        repeats.again("kind", "error", f"{number}", {}, 0.0)
    assert repeats.over(59.9) == []
    (told,) = repeats.over(60.0)
    assert (told.words, told.times) == (None, 3)
    assert repeats.over(120.0) == []
    assert not repeats.again("kind", "error", "5", {}, 121.0)
    assert not repeats.again("kind", "error", "6", {}, 121.0)
    assert repeats.again("kind", "error", "7", {}, 121.0)
