"""The file that one process leaves to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.storage.handover import Handover


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def handover(tmp_path: Path, told: list[str]) -> Handover:
    return Handover(tmp_path / "unfinished.json", lambda level, message: told.append(f"{level}: {message}"))


def test_it_is_read_once(handover: Handover, told: list[str]) -> None:
    handover.leave(b"calls")
    assert handover.take() == b"calls"
    assert handover.take() == b""
    assert told == []


def test_only_its_user_reads_it_and_nothing_else_stays(handover: Handover) -> None:
    handover.file.with_suffix(".new").write_bytes(b"half of an older one")
    handover.leave(b"calls")
    assert handover.file.stat().st_mode & 0o777 == 0o600
    assert list(handover.file.parent.iterdir()) == [handover.file]
    handover.take()
    assert list(handover.file.parent.iterdir()) == []


def test_the_last_one_counts(handover: Handover) -> None:
    handover.leave(b"old")
    handover.leave(b"new")
    assert handover.take() == b"new"


def test_nothing_is_kept_of_nothing(handover: Handover) -> None:
    handover.leave(b"")
    assert not handover.file.exists()


def test_a_directory_that_is_gone_costs_one_line(tmp_path: Path, told: list[str]) -> None:
    handover = Handover(
        tmp_path / "gone" / "unfinished.json", lambda level, message: told.append(f"{level}: {message}")
    )
    handover.leave(b"calls")
    file = handover.file
    assert told == [
        f"warning: calls that ring are not kept over the restart: {file}: No such file or directory"
    ]
    assert handover.take() == b""


def test_what_cannot_be_read_costs_one_line(handover: Handover, told: list[str]) -> None:
    handover.file.mkdir()
    assert handover.take() == b""
    assert told == [
        f"warning: the calls that were under way are not taken up: {handover.file}: Is a directory"
    ]


def test_what_is_too_large_is_not_read(handover: Handover, told: list[str]) -> None:
    with handover.file.open("wb") as file:
        file.truncate(257 * 1024 * 1024)
    assert handover.take() == b""
    assert told[0].endswith("it is too large")
    assert not handover.file.exists()
