"""What the status page says, and the hour behind it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from appliance.agent.history import History, read
from appliance.agent.page import judge, moment, sparkline, words
from appliance.agent.sip_process import SipProcess


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.9, "0 s"), (-3, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min 59 s"),
     (3600, "1 h"), (3605, "1 h"), (93_784, "1 d 2 h"), (86_400, "1 d"), (86_460, "1 d")],
)  # fmt: skip
def test_a_span_of_time_in_words(seconds: float, text: str) -> None:
    assert words(seconds) == text


def test_a_moment_is_told_as_the_box_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert moment(1_700_000_000.0) == "2023-11-14 23:13"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_verdict() -> None:
    well = judge({"state": "ok", "problems": []}, [])
    assert (well.state, well.sentence) == ("ok", "All systems normal.")
    ill = judge({"state": "degraded", "problems": [{"what": "First."}, {"what": "Second."}]}, [])
    assert (ill.state, ill.sentence) == ("degraded", "First.")


def test_a_check_that_found_something_comes_first() -> None:
    found = {"part": "disk", "state": "wrong", "what": "it is full", "todo": "Make room.", "because": ""}
    verdict = judge({"state": "ok", "problems": [{"what": "Second."}]}, [found])
    assert verdict.state == "degraded"
    assert verdict.problems == [{"what": "Disk: it is full.", "todo": "Make room."}, {"what": "Second."}]
    assert judge({"state": "down", "problems": []}, [found]).state == "down"
    told = judge({"state": "ok", "problems": []}, [{**found, "because": "settings"}])
    assert told.sentence == "Disk: it is full (follows from: settings)."


def test_a_sparkline_rises_to_the_largest_value() -> None:
    assert sparkline([0, 5, 10]) == "0.0,27.0 60.0,14.0 120.0,1.0"
    assert sparkline([0, 0]) == "0.0,27.0 120.0,27.0"
    assert sparkline([1]) == sparkline([]) == ""


def test_a_sparkline_has_no_more_points_than_room() -> None:
    points = sparkline([1.0] * 360 + [3.0] * 360).split()
    assert len(points) == 120
    assert (points[0], points[-1]) == ("0.0,18.3", "120.0,1.0")


def snapshot(requests: int, ok: int = 0, failed: int = 0, registered: int = 0) -> dict[str, Any]:
    return {
        "sipbox_sip_requests_received_total": [[["REGISTER", "udp"], requests]],
        "sipbox_sip_responses_sent_total": [
            [["REGISTER", "200"], ok],
            [["INVITE", "100"], 99],
            [["INVITE", "408"], failed],
            [["INVITE", "503"], failed],
            [["INVITE", "486"], 0],
        ],
        "sipbox_bindings_active": [[["udp"], registered], [["tcp"], 1]],
        "sipbox_calls_active": [[[], 2]],
    }


def history() -> History:
    return History(SipProcess("/nowhere"))


def test_what_is_read_of_a_snapshot() -> None:
    sample = read(snapshot(7, ok=10, failed=3, registered=4), 1.0)
    assert sample == (1.0, 7, 16, 6, 5, 2)
    assert read({}, 1.0) == (1.0, 0, 0, 0, 0, 0)


def test_rates_are_of_the_last_minute() -> None:
    looked = history()
    for second in range(0, 600, 5):
        looked.take(
            snapshot(second * (100 if second < 500 else 2) + (49_000 if second >= 500 else 0)), float(second)
        )
    assert looked.requests_per_second() == pytest.approx(2.0)


def test_failures_are_of_the_last_five_minutes() -> None:
    looked = history()
    looked.take(snapshot(0, ok=0, failed=50), 0.0)
    looked.take(snapshot(1, ok=0, failed=50), 400.0)
    looked.take(snapshot(2, ok=6, failed=51), 405.0)
    assert looked.failure_ratio() == pytest.approx(2 / 8)


def test_without_samples_there_is_nothing_to_say() -> None:
    assert (history().requests_per_second(), history().failure_ratio()) == (0.0, 0.0)
    looked = history()
    looked.take(snapshot(5), 1.0)
    assert looked.requests_per_second() == 0.0


def test_the_hour_as_lists() -> None:
    looked = history()
    looked.take(snapshot(0, registered=1), 0.0)
    looked.take(snapshot(10, ok=6, failed=1, registered=2), 5.0)
    looked.take(snapshot(10, ok=6, failed=1, registered=2), 10.0)
    assert looked.series() == {
        "registered": [2, 3, 3],
        "calls": [2, 2, 2],
        "rate": [2.0, 0.0],
        "failures": [0.25, 0.0],
    }


def test_a_restarted_server_begins_anew() -> None:
    looked = history()
    looked.take(snapshot(1000), 0.0)
    looked.take(snapshot(3), 5.0)
    assert len(looked.samples) == 1
