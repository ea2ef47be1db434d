from __future__ import annotations

import pytest

from appliance.cli.output import duration, show_record, show_table


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "for ever"),
        (0, "0 s"),
        (-5, "0 s"),
        (47.9, "47 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (3 * 86_400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_duration(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_a_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("A", "B"), [("x" * 300, 1), (None, True)])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "A" + " " * 301 + "B"
    assert first == "x" * 300 + "  1"
    assert second == "-" + " " * 301 + "yes"


def test_nothing_to_show_is_talk(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("A",), [], "no rows")
    assert capsys.readouterr() == ("", "no rows\n")


def test_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    show_record({"name": "a\nb", "long name": None})
    assert capsys.readouterr().out == "name       a\\x0ab\nlong name  -\n"
