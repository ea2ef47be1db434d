"""The page on which workers see how much each has told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.workers.told import Told

PROCESS, NEXT_PROCESS = 2**48 - 1, 7


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Told, Told]]:
    workers = Told(tmp_path / "told", 1), Told(tmp_path / "told", 64)
    for worker in workers:
        worker.open()
    yield workers
    for worker in workers:
        worker.close()


def test_what_one_tells_the_other_sees_at_once(both: tuple[Told, Told]) -> None:
    one, two = both
    one.tells(PROCESS, 1)
    two.tells(NEXT_PROCESS, 5)
    assert two.last_is(1, (PROCESS, 1))
    assert one.last_is(64, (NEXT_PROCESS, 5))
    one.tells(PROCESS, 2)
    assert not two.last_is(1, (PROCESS, 1))


def test_another_process_is_not_the_old_one(both: tuple[Told, Told]) -> None:
    one, two = both
    one.tells(PROCESS, 57)
    one.tells(NEXT_PROCESS, 57)
    assert not two.last_is(1, (PROCESS, 57))
    assert two.last_is(1, (NEXT_PROCESS, 57))


def test_who_has_written_nothing_has_to_be_asked(both: tuple[Told, Told]) -> None:
    one, _ = both
    assert not one.last_is(3, (-1, 0))
    assert not one.last_is(3, (PROCESS, 1))


def test_it_outlives_who_wrote_it(tmp_path: Path) -> None:
    one, two = Told(tmp_path / "told", 1), Told(tmp_path / "told", 2)
    one.open()
    one.tells(PROCESS, 3)
    one.close()
    one.close()
    two.open()
    assert two.last_is(1, (PROCESS, 3))
    two.close()


def test_where_no_file_can_be_the_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="told"):
        Told(tmp_path / "nowhere" / "told", 1).open()
