from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance import diagnosis
from appliance.diagnosis import CHECKS, Finding, diagnose, verdict
from appliance.diagnosis.finding import AS_ROOT, Unknown, count, few, span
from appliance.errors import DatabaseUnavailable
from tests.unit.diagnosis.made import around


def test_all_are_made_in_the_order_of_causes_or_those_that_are_named(tmp_path: Path) -> None:
    assert [name for name, _ in diagnose(around(tmp_path), ("media", "settings"))] == ["settings", "media"]
    assert list(CHECKS)[:3] == ["settings", "installed", "disk"]


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (Unknown("nobody knows", "Ask."), Finding("unknown", "nobody knows", "Ask.")),
        (PermissionError(13, "no", "/x"), Finding("unknown", "/x may not be read by this user", AS_ROOT)),
        (OSError("broken"), Finding("unknown", "broken")),
        (DatabaseUnavailable("away"), Finding("unknown", "away")),
    ],
)
def test_a_check_that_cannot_see_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, finding: Finding
) -> None:
    def fail(_: Any) -> Finding:
        raise error

    monkeypatch.setattr(diagnosis, "CHECKS", {"one": fail, "two": lambda _: Finding("ok", "well")})
    assert list(diagnose(around(tmp_path))) == [("one", finding), ("two", Finding("ok", "well"))]


def test_the_worst_counts() -> None:
    ok, off, unknown = Finding("ok", ""), Finding("off", ""), Finding("unknown", "")
    assert verdict([ok, off, unknown]) == "ok"
    assert verdict([ok, Finding("wrong", "")]) == "wrong"
    assert verdict([Finding("down", ""), Finding("wrong", "")]) == "down"


def test_words() -> None:
    assert (count(1, "call"), count(2, "call"), count(0, "entry", "entries")) == (
        "1 call",
        "2 calls",
        "0 entries",
    )
    assert few(["a", "b", "c"], 2) == "a, b and 1 more"
    assert [span(seconds) for seconds in (-1, 40, 119, 120, 7200, 172_800)] == [
        "0 s", "40 s", "119 s", "2 min", "2 h", "2 days"
    ]  # fmt: skip
