"""The loader with rows that cost nothing; with a database it is seen in test_bindings and tests/wire."""

from __future__ import annotations

from collections.abc import Sequence

import gevent
import pytest

from appliance.errors import DatabaseUnavailable
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.uri import AddressOfRecord
from appliance.storage import loading
from appliance.storage.loading import Loader
from appliance.storage.location_rows import RUID, Row, as_read, binding_of, row_of
from tests.unit.storage.made import Clock, binding


class Table:
    """Rows in memory, in the order of their ruid; ``away`` is how often it cannot be read."""

    def __init__(self, *bindings: Binding) -> None:
        self.rows = sorted(as_read(row_of(each, Clock().offset)) for each in bindings)
        self.away = 0
        self.deleted: list[str] = []

    def page(self, after: str, limit: int) -> Sequence[Row]:
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("it is away")
        return [row for row in self.rows if row[RUID] > after][:limit]

    def delete(self, ruids: Sequence[str], expired_before: str | None = None) -> None:
        self.deleted += ruids


class NothingToWrite:
    """Writes of which none waits."""

    spooled = 0
    last_error: str | None = None

    def __init__(self) -> None:
        self.read: list[Binding] = []

    def was_read(self, binding: Binding) -> None:
        self.read.append(binding)

    def waiting_rows(self) -> list[tuple[str, Row | None]]:
        return []


@pytest.fixture
def locations() -> Locations:
    return Locations()


def loader(table: Table, clock: Clock, writes: NothingToWrite | None = None) -> Loader:
    return Loader(table, writes or NothingToWrite(), binding_of, clock)  # type: ignore[arg-type]


def test_all_rows_come_in_however_many_pages_they_are(locations: Locations, clock: Clock) -> None:
    table = Table(*map(binding, range(3210)))
    assert loader(table, clock).load(locations, set(), lambda: clock.offset) == 3210
    assert len(locations) == 3210
    assert not locations.loading


def test_sockets_are_looked_at_meanwhile(locations: Locations, clock: Clock) -> None:
    """A timer stands for a socket: neither is looked at while the loop only runs callbacks."""
    table = Table(*map(binding, range(5000)))
    seen: list[int] = []

    def look() -> None:
        while True:
            gevent.sleep(0.0001)
            seen.append(len(locations))

    looking = gevent.spawn(look)
    loader(table, clock).load(locations, set(), lambda: clock.offset)
    looking.kill()
    assert len([count for count in seen if 0 < count < 5000]) >= 4


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_PAUSE", 0.001)


@pytest.mark.usefixtures("impatient")
def test_it_waits_for_the_database(locations: Locations, clock: Clock) -> None:
    table = Table(*map(binding, range(10)))
    table.away = 2
    assert loader(table, clock).load(locations, set(), lambda: clock.offset) == 10


def test_what_was_removed_meanwhile_stays_away(locations: Locations, clock: Clock) -> None:
    gone = binding(3)
    assert loader(Table(gone, binding(4)), clock).load(locations, {gone.ruid}, lambda: clock.offset) == 1
    assert locations.get(gone.ruid) is None


def test_the_dead_are_removed(locations: Locations, clock: Clock) -> None:
    dead = binding(3, lasts=-10)
    table = Table(dead, binding(4))
    assert loader(table, clock).load(locations, set(), lambda: clock.offset) == 1
    assert table.deleted == [dead.ruid]


def test_the_writer_knows_the_rows_that_are_in_memory(locations: Locations, clock: Clock) -> None:
    """But none of OpenSER's, which lack a domain, and none that a phone has overtaken meanwhile."""
    old = binding(5)
    old.aor = AddressOfRecord("5", "")
    writes = NothingToWrite()
    locations.loading = True
    locations.put(binding(4, cseq=2))
    loader(Table(binding(3), binding(4), old), clock, writes).load(locations, set(), lambda: clock.offset)
    assert [each.ruid for each in writes.read] == [binding(3).ruid]


@pytest.mark.usefixtures("impatient")
def test_a_loader_that_is_ended_reads_no_more(locations: Locations, clock: Clock) -> None:
    table = Table(binding(3))
    table.away = 10**9
    reading = gevent.spawn(loader(table, clock).load, locations, set(), lambda: clock.offset)
    gevent.sleep(0)
    reading.kill()
    left = table.away
    gevent.sleep(0.02)
    assert table.away == left
