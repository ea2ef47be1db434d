"""The writer of accounted requests: batches, the spool, an orderly stop, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gevent
import pytest

from appliance.errors import DatabaseRefused, DatabaseUnavailable, RowRefused, StorageError
from appliance.storage.accounting import AccountingWriter
from appliance.storage.accounting_rows import Record
from appliance.storage.spool import Spool
from tests.unit.storage.made import accounted


def eventually(what: str, question: Callable[[], object]) -> None:
    """Let the other greenlets go on until the answer is true."""
    with gevent.Timeout(20, AssertionError(f"not within 20 s: {what}")):
        while not question():
            gevent.sleep(0.005)


class Tables:
    """A database that is a list; ``fault`` is raised by each write, ``hangs`` lets each wait for ever."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.batches: list[int] = []
        self.fault: StorageError | None = None
        self.bad: set[str] = set()
        self.hangs = False
        self.available = True

    def write(self, records: Sequence[Record]) -> None:
        if self.hangs:
            gevent.sleep(3600)
        if self.fault is not None:
            raise self.fault
        if any(record.request[4] in self.bad for record in records):
            raise RowRefused("too long")
        self.batches.append(len(records))
        self.keys += [record.key for record in records]


class House:
    """A writer with its spool; ``new`` is the next process."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "accounting.db"
        self.tables = Tables()
        self.said: list[str] = []
        self.writer = self.new()

    def new(self, *, spool: bool = True, capacity: int = 1000) -> AccountingWriter:
        self.writer = AccountingWriter(
            self.tables,
            lambda: self.tables.available,
            Spool(self.file) if spool else None,
            say=lambda level, message: self.said.append(f"{level}: {message}"),
            capacity=capacity,
            gather_seconds=0.01,
            patience=0.05,
            pause=0.02,
        )
        return self.writer

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.writer.put(accounted(call_id=f"c{number}"))

    def wait_for_rows(self, count: int) -> None:
        eventually(f"{count} rows", lambda: len(set(self.tables.keys)) == count)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.writer.stop()


def test_what_gathers_is_one_batch(house: House) -> None:
    house.writer.start()
    house.put(*range(50))
    assert house.writer.waiting == 50
    house.wait_for_rows(50)
    assert house.tables.batches == [50]
    assert house.writer.waiting == house.writer.spooled == 0
    assert house.writer.counts == {"written": 50, "spooled": 0, "refused": 0, "lost": 0}


def test_many_go_in_pieces(house: House) -> None:
    house.writer.start()
    house.put(*range(450))
    house.wait_for_rows(450)
    assert house.tables.batches == [200, 200, 50]


@pytest.mark.parametrize("fault", [DatabaseUnavailable("gone"), DatabaseRefused("no such table")])
def test_what_the_database_does_not_take_waits_on_disk(house: House, fault: StorageError) -> None:
    house.writer.start()
    house.tables.fault = fault
    house.put(1, 2, 3)
    eventually("they are on disk", lambda: house.writer.spooled == 3)
    eventually("and no longer in memory", lambda: house.writer.waiting == 0)
    assert any(str(fault) in line for line in house.said)
    house.tables.fault = None
    house.wait_for_rows(3)
    eventually("the spool is empty", lambda: house.writer.spooled == 0)


def test_a_database_that_does_not_answer_in_time_counts_as_away(house: House) -> None:
    house.writer.start()
    house.tables.hangs = True
    house.put(1, 2)
    eventually("they are on disk", lambda: house.writer.spooled == 2)
    house.put(3)
    eventually("the third too", lambda: house.writer.spooled == 3)
    house.tables.hangs = False
    house.wait_for_rows(3)


def test_the_next_process_writes_what_the_last_one_left(house: House) -> None:
    house.writer.start()
    house.tables.available = False
    house.put(*range(7))
    eventually("they are on disk", lambda: house.writer.spooled == 7)
    house.writer._greenlet.kill()  # type: ignore[union-attr] - what SIGKILL leaves: nothing in order
    house.tables.available = True
    house.new().start()
    house.wait_for_rows(7)


def test_a_stop_writes_what_waits(house: House) -> None:
    house.writer.start()
    house.put(*range(300))
    house.writer.stop()
    assert len(house.tables.keys) == 300


def test_a_stop_without_a_database_leaves_it_on_disk(house: House) -> None:
    house.writer.start()
    house.tables.available = False
    house.put(*range(300))
    house.writer.stop()
    house.tables.available = True
    house.new().start()
    house.wait_for_rows(300)
    assert not any("lost" in line for line in house.said)


def test_a_stop_does_not_wait_for_a_database_that_hangs(house: House) -> None:
    house.writer.start()
    house.tables.hangs = True
    house.put(*range(5))
    house.writer.stop()
    house.tables.hangs = False
    house.new().start()
    house.wait_for_rows(5)


def test_a_row_that_is_refused_keeps_no_other(house: House) -> None:
    house.writer.start()
    house.tables.bad = {"c7"}
    house.put(*range(20))
    house.wait_for_rows(19)
    eventually("it is counted", lambda: house.writer.counts["refused"] == 1)
    assert any("not accounted" in line and "c7" in line for line in house.said)
    assert house.writer.waiting == house.writer.spooled == 0


def test_a_full_queue_loses_the_newest_and_counts_them(house: House) -> None:
    house.new(capacity=10)
    house.put(*range(12))
    assert (house.writer.waiting, house.writer.counts["lost"]) == (10, 2)


def test_without_a_spool_it_waits_in_memory(house: House) -> None:
    house.new(spool=False).start()
    house.tables.fault = DatabaseUnavailable("disk I/O error")
    house.put(1, 2)
    eventually("it has been tried", lambda: bool(house.said))
    assert house.writer.waiting == 2
    house.tables.fault = None
    house.wait_for_rows(2)
    assert house.writer.waiting == 0


def test_a_stop_that_cannot_keep_them_says_how_many_are_lost(house: House) -> None:
    house.new(spool=False).start()
    house.tables.fault = DatabaseUnavailable("disk I/O error")
    house.put(1, 2)
    house.writer.stop()
    assert any("2 accounted requests are lost: disk I/O error" in line for line in house.said)
    house.new()


def test_a_fault_of_ours_does_not_end_accounting(house: House) -> None:
    house.writer.start()
    house.writer.put(None)  # type: ignore[arg-type]
    eventually("it is told", lambda: any("fault of ours" in line for line in house.said))
    house.put(1)
    house.wait_for_rows(1)


def test_the_database_that_comes_back_is_tried_at_once(house: House) -> None:
    house.writer.start()
    house.tables.available = False
    house.put(1)
    eventually("it is on disk", lambda: house.writer.spooled == 1)
    house.tables.available = True
    house.writer.wake()
    house.wait_for_rows(1)
