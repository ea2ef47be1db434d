from __future__ import annotations

from pathlib import Path

import pytest

from appliance.diagnosis.lenient import EVERY_SECTION, Reading, read

WHOLE = '[sip]\ndomains = ["example.org"]\nring_seconds = 30\n\n[nat]\ndetect = false\n'


def reading_of(directory: Path, text: str) -> Reading:
    file = directory / "sipbox.toml"
    file.write_text(text)
    return read(str(file))


def test_a_file_in_order(tmp_path: Path) -> None:
    found = reading_of(tmp_path, WHOLE)
    assert (found.problem, found.unreadable, found.forbidden) == (None, frozenset(), False)
    assert found.settings.sip.domains == ("example.org",) and not found.settings.nat.detect


@pytest.mark.parametrize(
    ("wrong", "problem", "lost"),
    [
        (WHOLE.replace("ring_seconds", "ringing"), "there is no such setting", {"sip"}),
        (WHOLE.replace("= 30", "= 0"), "out of range", {"sip"}),
        (WHOLE.replace("= 30", "= ="), "is not TOML", {"sip"}),
        (WHOLE.replace("false", '"no"'), "has to be true or false", {"nat"}),
        (WHOLE.replace("30", "0").replace("false", "2"), "out of range", {"sip", "nat"}),
    ],
)
def test_the_lines_that_are_in_order_hold(tmp_path: Path, wrong: str, problem: str, lost: set[str]) -> None:
    found = reading_of(tmp_path, wrong)
    assert found.problem is not None and problem in str(found.problem)
    assert found.unreadable == lost
    assert found.settings.sip.domains == ("example.org",)


def test_the_first_wrong_line_is_told(tmp_path: Path) -> None:
    found = reading_of(tmp_path, WHOLE.replace("30", "0").replace("false", "2"))
    assert found.problem is not None and found.problem.line == 3


def test_no_file_and_no_text(tmp_path: Path) -> None:
    found = read(str(tmp_path / "none.toml"))
    assert "there is no such file" in str(found.problem) and found.unreadable == EVERY_SECTION
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in str(read(str(tmp_path / "bytes")).problem)
