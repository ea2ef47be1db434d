from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import DatabaseRefused, DatabaseUnavailable, RowRefused, StorageError
from appliance.registrar.binding import Binding
from appliance.storage.location_rows import CSEQ, EXPIRES, LAST_MODIFIED, RUID, Refresh, Row
from appliance.storage.location_writes import LocationWrites
from appliance.storage.spool import Spool
from tests.unit.storage.made import binding

NOW = "2007-04-22 18:46:09"


class Table:
    """A ``LocationTable`` in a dictionary, which says what it was asked and fails when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.asked: list[str] = []
        self.failure: StorageError | None = None
        self.poison: set[str] = set()

    def _ask(self, what: str, rows: Sequence[Row] = ()) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure
        if any(row[RUID] in self.poison for row in rows):
            raise RowRefused("Data too long for column")

    def upsert(self, rows: Sequence[Row]) -> None:
        self._ask(f"upsert {len(rows)}", rows)
        self.rows.update((row[RUID], row) for row in rows)

    def refresh(self, refreshes: Sequence[Refresh]) -> bool:
        self._ask(f"refresh {len(refreshes)}", refreshes)
        known = [each for each in refreshes if each[RUID] in self.rows]
        for ruid, expires, cseq, modified in known:
            row = list(self.rows[ruid])
            row[EXPIRES], row[CSEQ], row[LAST_MODIFIED] = expires, cseq, modified
            self.rows[ruid] = tuple(row)
        return len(known) == len(refreshes)

    def replay(self, rows: Sequence[Row], removals: Sequence[tuple[str, str]]) -> None:
        self._ask(f"replay {len(rows)} {len(removals)}", rows)
        self.rows.update((row[RUID], row) for row in rows)
        for ruid, _ in removals:
            self.rows.pop(ruid, None)

    def delete(self, ruids: Sequence[str], expired_before: str | None = None) -> None:
        self._ask(f"delete {len(ruids)}")
        for ruid in ruids:
            self.rows.pop(ruid, None)


class Availability:
    available = True


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def there() -> Availability:
    return Availability()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


@pytest.fixture
def writes(table: Table, there: Availability, spool: Spool) -> LocationWrites:
    writes = LocationWrites(there, table, spool)  # type: ignore[arg-type]
    writes.open()
    return writes


def phones(first: int, last: int, cseq: int = 1, **more: Any) -> list[Binding]:
    return by_ruid([binding(number, cseq=cseq, **more) for number in range(first, last)])


def by_ruid(bindings: list[Binding]) -> list[Binding]:
    return sorted(bindings, key=lambda binding: binding.ruid)


def test_a_row_is_sent_whole_first_and_then_refreshed(table: Table, writes: LocationWrites) -> None:
    writes.write(phones(0, 20), [], 0, NOW)
    writes.write(phones(0, 20, cseq=2), [], 0, NOW)
    assert table.asked == ["upsert 20", "refresh 20"]
    assert {row[CSEQ] for row in table.rows.values()} == {2}


def test_a_row_that_was_read_at_the_start_is_refreshed(
    table: Table, there: Availability, writes: LocationWrites
) -> None:
    writes.write(phones(0, 20), [], 0, NOW)
    later = LocationWrites(there, table, None)  # type: ignore[arg-type]
    for each in phones(0, 20):
        later.was_read(each)
    later.write(phones(0, 20, cseq=2), [], 0, NOW)
    assert table.asked == ["upsert 20", "refresh 20"]


@pytest.mark.parametrize(
    "changed",
    [
        {"call_id": "new"},
        {"user_agent": "new"},
        {"q": 0.5},
        {"path": "<sip:a>"},
        {"received": "sip:b"},
        {"flags": 1},
    ],
)
def test_a_row_that_has_changed_is_sent_whole(
    table: Table, writes: LocationWrites, changed: dict[str, Any]
) -> None:
    writes.write(phones(0, 20), [], 0, NOW)
    writes.write(phones(0, 20, cseq=2, **changed), [], 0, NOW)
    writes.write(phones(0, 20, cseq=3, **changed), [], 0, NOW)
    assert table.asked == ["upsert 20", "upsert 20", "refresh 20"]


def test_new_rows_and_refreshes_are_two_statements_when_that_is_cheaper(
    table: Table, writes: LocationWrites
) -> None:
    writes.write(phones(0, 20), [], 0, NOW)
    writes.write(phones(0, 21, cseq=2), [], 0, NOW)
    assert table.asked[1:] == ["refresh 20", "upsert 1"]
    writes.write(by_ruid(phones(0, 3, cseq=3) + phones(30, 33)), [], 0, NOW)
    assert table.asked[3:] == ["upsert 6"]


def test_rows_deleted_by_hand_are_whole_again(table: Table, writes: LocationWrites) -> None:
    """``delete from location`` takes rows away, not the phones that are there."""
    writes.write(phones(0, 20), [], 0, NOW)
    table.rows.clear()
    writes.write(phones(0, 20, cseq=2), [], 0, NOW)
    assert table.asked[1:] == ["refresh 20", "upsert 20"]
    assert len(table.rows) == 20


def test_a_row_that_was_removed_is_sent_whole_when_it_comes_back(
    table: Table, writes: LocationWrites
) -> None:
    writes.write(phones(0, 20), [], 0, NOW)
    writes.write([], [each.ruid for each in phones(0, 20)], 0, NOW)
    writes.write(phones(0, 20, cseq=2), [], 0, NOW)
    assert table.asked == ["upsert 20", "delete 20", "upsert 20"]


def test_with_other_writers_every_row_is_whole(table: Table, there: Availability) -> None:
    writes = LocationWrites(there, table, None, remember=False)  # type: ignore[arg-type]
    writes.write(phones(0, 20), [], 0, NOW)
    writes.write(phones(0, 20, cseq=2), [], 0, NOW)
    assert table.asked == ["upsert 20", "upsert 20"]


def test_one_row_that_cannot_be_does_no_harm_to_the_others(table: Table, writes: LocationWrites) -> None:
    wanted = phones(0, 50)
    table.poison = {wanted[17].ruid, wanted[44].ruid}
    refused = writes.write(wanted, [], 0, NOW)
    assert set(refused) == table.poison
    assert len(table.rows) == 48
    # and is not taken for a row that is there
    table.asked.clear()
    table.poison.clear()
    writes.write([wanted[17]], [], 0, NOW)
    assert table.asked == ["upsert 1"]


def test_how_far_a_write_that_failed_has_come_nobody_knows(table: Table, there: Availability) -> None:
    """Then the rows are sent whole, though they may be as they were before it."""
    writes = LocationWrites(there, table, None)  # type: ignore[arg-type]
    writes.write(phones(0, 20), [], 0, NOW)
    table.failure = DatabaseUnavailable("gone away")
    with pytest.raises(DatabaseUnavailable):
        writes.write(phones(0, 20, cseq=2, user_agent="new"), [], 0, NOW)
    table.failure = None
    writes.write(phones(0, 20, cseq=3), [], 0, NOW)
    assert table.asked[-1] == "upsert 20"


def test_a_refresh_that_cannot_be_does_no_harm_to_the_others(table: Table, writes: LocationWrites) -> None:
    writes.write(phones(0, 50), [], 0, NOW)
    wanted = phones(0, 50, cseq=2)
    table.poison = {wanted[17].ruid}
    assert set(writes.write(wanted, [], 0, NOW)) == table.poison
    assert [row[CSEQ] for row in table.rows.values()].count(2) == 49


@pytest.mark.parametrize("failure", [DatabaseUnavailable("gone away"), DatabaseRefused("a table is missing")])
def test_what_the_database_does_not_take_goes_to_the_spool(
    table: Table, writes: LocationWrites, spool: Spool, failure: StorageError
) -> None:
    table.failure = failure
    writes.write(phones(0, 3), ["gone"], 0, NOW)
    assert writes.spooled == len(spool) == 4
    assert writes.last_error == str(failure)


def test_without_a_spool_it_fails(table: Table, there: Availability) -> None:
    writes = LocationWrites(there, table, None)  # type: ignore[arg-type]
    table.failure = DatabaseUnavailable("gone away")
    with pytest.raises(DatabaseUnavailable):
        writes.write(phones(0, 3), [], 0, NOW)


def test_while_it_is_away_it_is_not_asked(table: Table, there: Availability, writes: LocationWrites) -> None:
    there.available = False
    writes.write(phones(0, 3), [], 0, NOW)
    assert not writes.replay()
    assert table.asked == []


def test_newer_changes_go_behind_the_older_ones(
    table: Table, there: Availability, writes: LocationWrites, spool: Spool
) -> None:
    writes.write(phones(0, 3), [], 0, NOW)
    there.available = False
    writes.write(phones(0, 3, cseq=2), [], 0, NOW)
    there.available = True
    gone = phones(0, 1)[0].ruid
    writes.write(phones(1, 3, cseq=3), [gone], 0, NOW)
    assert table.asked == ["upsert 3"]  # nothing overtakes what waits
    assert not writes.replay()  # nothing is left
    assert {row[CSEQ] for row in table.rows.values()} == {3}
    assert gone not in table.rows
    assert len(spool) == 0
    assert writes.last_error is None


def test_after_an_outage_rows_are_sent_whole(
    table: Table, there: Availability, writes: LocationWrites
) -> None:
    """What the database had before, nobody knows."""
    writes.write(phones(0, 20), [], 0, NOW)
    there.available = False
    writes.write(phones(0, 20, cseq=2, call_id="new"), [], 0, NOW)
    there.available = True
    while writes.replay():
        pass
    writes.write(phones(0, 20, cseq=3), [], 0, NOW)
    assert table.asked[-1] == "upsert 20"


def test_a_long_spool_is_replayed_in_pieces(
    table: Table, there: Availability, writes: LocationWrites
) -> None:
    there.available = False
    writes.write(phones(0, 1200), [], 0, NOW)
    there.available = True
    pieces = 1
    while writes.replay():
        pieces += 1
    assert pieces == 3
    assert len(table.rows) == 1200


def test_a_replay_that_fails_is_tried_again(
    table: Table, there: Availability, writes: LocationWrites
) -> None:
    there.available = False
    writes.write(phones(0, 3), [], 0, NOW)
    there.available = True
    table.failure = DatabaseRefused("a table is missing")
    assert not writes.replay()
    assert writes.spooled == 3
    assert writes.pause
    table.failure = None
    writes.replay()
    assert writes.spooled == 0
    assert writes.pause is None


def test_a_row_that_cannot_be_does_not_stop_the_replay(
    table: Table, there: Availability, writes: LocationWrites
) -> None:
    there.available = False
    wanted = phones(0, 5)
    writes.write(wanted, ["gone"], 0, NOW)
    there.available = True
    table.poison = {wanted[2].ruid}
    writes.replay()
    assert len(table.rows) == 4
    assert writes.spooled == 0
    assert writes.last_error == "a binding was left out: Data too long for column"


def test_what_waits_is_known(there: Availability, writes: LocationWrites) -> None:
    there.available = False
    wanted = phones(0, 2)
    writes.write(wanted, ["gone"], 0, NOW)
    waiting = dict(writes.waiting_rows())
    assert waiting["gone"] is None
    assert set(waiting) == {"gone", wanted[0].ruid, wanted[1].ruid}
