from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from appliance.errors import DatabaseUnavailable, StorageError
from appliance.registrar.binding import PERMANENT, Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.storage.bindings import BindingWriter
from appliance.storage.engine import Database
from tests.unit.storage.made import Clock, binding, fields, sql

Make = Callable[..., BindingWriter]


@pytest.fixture
def make(database: Database, clock: Clock) -> Iterator[Make]:
    writers: list[BindingWriter] = []

    def make(mode: str = "write-through", **more: Any) -> BindingWriter:
        writer = BindingWriter(database, mode=mode, clock=clock, wall=clock.wall_now, **more)
        writer.start()
        writers.append(writer)
        return writer

    yield make
    for writer in writers:
        writer.stop()


def cseqs(database: Database) -> dict[str, int]:
    return {
        str(username): int(cseq) for username, cseq in sql(database, "select username, cseq from location")
    }


def test_write_through_is_there_when_it_is_answered(make: Make, database: Database) -> None:
    writer = make()
    writer.commit([binding(10), binding(11)], [])
    assert cseqs(database) == {"10": 1, "11": 1}
    writer.commit([binding(10, cseq=2)], [binding(11)])
    assert cseqs(database) == {"10": 2}


def test_what_arrives_together_is_one_commit(make: Make, database: Database) -> None:
    writer = make()
    commits = [gevent.spawn(writer.commit, [binding(number)], []) for number in range(100)]
    gevent.joinall(commits, raise_error=True)
    assert len(cseqs(database)) == 100
    assert writer.state.written == 100
    assert writer.state.commits <= 3


def test_it_ends_when_everybody_is_answered(make: Make, database: Database) -> None:
    writer = make()
    commits = [gevent.spawn(writer.commit, [binding(number)], []) for number in range(50)]
    gevent.sleep(0)
    assert writer.unwritten == {binding(number).ruid for number in range(50)}
    late = gevent.spawn_later(0.001, writer.commit, [binding(99)], [])
    gevent.sleep(0.005)
    writer.stop()
    assert all(commit.successful() for commit in [*commits, late])
    assert len(cseqs(database)) == 51


def test_crowds_share_commits_and_nobody_waits_alone(make: Make) -> None:
    """Forty phones, each registering again as soon as it is answered; then one alone."""
    writer = make()

    def keep_registering(number: int) -> None:
        for cseq in range(1, 6):
            writer.commit([binding(number, cseq=cseq)], [])

    gevent.joinall([gevent.spawn(keep_registering, number) for number in range(40)], raise_error=True)
    crowded = writer.state.commits
    assert crowded <= 8
    keep_registering(1)
    assert writer.state.commits == crowded + 5


def test_of_several_changes_the_last_one_counts(make: Make, database: Database) -> None:
    writer = make()
    gevent.joinall(
        [
            gevent.spawn(writer.commit, [binding(10)], []),
            gevent.spawn(writer.commit, [], [binding(10)]),
            gevent.spawn(writer.commit, [binding(10, cseq=3)], []),
            gevent.spawn(writer.commit, [binding(11)], []),
            gevent.spawn(writer.commit, [], [binding(11)]),
        ],
        raise_error=True,
    )
    assert cseqs(database) == {"10": 3}


def test_memory_writes_nothing(make: Make, database: Database) -> None:
    writer = make("memory")
    writer.commit([binding(10)], [])
    writer.flush()
    assert cseqs(database) == {}
    assert writer.fetch(binding(10).aor) == []
    locations = Locations()
    locations.loading = True
    assert writer.load(locations) == 0
    assert not locations.loading


def test_write_back_writes_later(make: Make, database: Database) -> None:
    writer = make("write-back")
    writer.commit([binding(10), binding(11)], [])
    writer.commit([binding(10, cseq=2)], [binding(11)])
    assert cseqs(database) == {}
    assert writer.state.waiting == 2
    writer.flush()
    assert cseqs(database) == {"10": 2}
    assert writer.state.waiting == 0


def test_write_back_writes_when_it_ends(make: Make, database: Database) -> None:
    writer = make("write-back")
    writer.commit([binding(number) for number in range(1200)], [])
    writer.stop()
    assert len(cseqs(database)) == 1200


def test_write_back_keeps_what_could_not_be_written(make: Make, database: Database) -> None:
    writer = make("write-back")
    writer.commit([binding(10), binding(11)], [])
    sql(database, "alter table location rename to elsewhere")
    with pytest.raises(StorageError):
        writer.flush()
    writer.commit([binding(10, cseq=2)], [])
    sql(database, "alter table elsewhere rename to location")
    writer.flush()
    assert cseqs(database) == {"10": 2, "11": 1}


def test_database_mode_reads_what_others_wrote(make: Make, database: Database) -> None:
    writer, another = make("database"), make("database")
    writer.commit([binding(10)], [])
    another.commit([binding(10, cseq=2, user_agent="another")], [])
    writer.commit([binding(10, cseq=3)], [])
    (found,) = another.fetch(binding(10).aor)
    assert fields(found) == fields(binding(10, cseq=3))
    assert another.fetch(binding(11).aor) == []


def test_a_commit_that_fails_says_so_to_everybody(make: Make, database: Database) -> None:
    writer = make()
    sql(database, "alter table location rename to elsewhere")
    waiting = [gevent.spawn(writer.commit, [binding(number)], []) for number in range(5)]
    gevent.joinall(waiting)
    assert all(isinstance(each.exception, StorageError) for each in waiting)
    assert len({id(each.exception) for each in waiting}) == 5
    sql(database, "alter table elsewhere rename to location")
    writer.commit([binding(10)], [])
    assert cseqs(database) == {"10": 1}


def test_a_fault_of_ours_leaves_nobody_waiting(
    make: Make, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = make()
    with gevent.Timeout(5), pytest.raises(StorageError, match="cannot be written"):
        writer.commit([binding(10, deadline=None)], [])
    assert "TypeError" in capsys.readouterr().err
    writer.commit([binding(11)], [])
    assert cseqs(database) == {"11": 1}


def test_loading_brings_back_the_living_and_removes_the_dead(
    make: Make, database: Database, clock: Clock
) -> None:
    make().commit([binding(number, lasts=100 if number % 2 else 3600) for number in range(1200)], [])
    clock.advance(200)
    sql(database, "insert into location (ruid, username, domain, contact) values ('partial', '', '', '')")
    locations = Locations()
    assert make().load(locations) == 600
    assert not locations.loading
    assert {int(each.aor.username) % 2 for each in locations} == {0}
    (found,) = locations.lookup(binding(4).aor, clock.now)
    assert fields(found) == fields(binding(4))
    assert len(cseqs(database)) == 600


def test_loading_lets_the_way_back_be_completed(make: Make) -> None:
    make().commit([binding(10, received="sip:198.51.100.7:1024")], [])
    locations = Locations()

    def complete(read: Binding) -> None:
        read.hop = Hop("udp", "198.51.100.7", 1024)

    make(complete=complete).load(locations)
    (found,) = locations
    assert found.hop == Hop("udp", "198.51.100.7", 1024)


def test_what_a_phone_does_while_rows_are_read_is_newer(make: Make, clock: Clock) -> None:
    make().commit([binding(number) for number in range(2000)], [])
    writer = make()
    locations = Locations()
    loading = gevent.spawn(writer.load, locations)
    while not locations.loading:
        gevent.sleep(0)
    locations.put(binding(10, cseq=2))
    writer.commit([binding(10, cseq=2)], [])
    gone = [binding(number) for number in range(1000, 2000)]
    for each in gone:
        locations.drop(each.ruid)
    writer.commit([], gone)
    loading.get()
    (found,) = locations.lookup(binding(10).aor, clock.now)
    assert found.cseq == 2
    assert not [each for each in locations if int(each.aor.username) >= 1000]


def test_nobody_can_know_while_the_database_is_away(make: Make, database: Database) -> None:
    writer = make()
    database.available = False
    with pytest.raises(DatabaseUnavailable):
        writer.fetch(binding(10).aor)
    database.available = True


def test_everything_is_every_living_row(make: Make, clock: Clock) -> None:
    writer = make("database")
    writer.commit([binding(number, lasts=60 if number < 10 else 3600) for number in range(1200)], [])
    clock.advance(100)
    assert len(list(writer.everything())) == 1190


def test_dead_rows_are_removed_and_no_others(make: Make, database: Database, clock: Clock) -> None:
    writer = make("database")
    writer.commit([binding(number, lasts=60 if number % 2 else 3600) for number in range(1200)], [])
    writer.commit([binding(2000, deadline=PERMANENT)], [])
    clock.advance(100)
    writer.remove_dead()
    assert len(cseqs(database)) == 601


def test_a_row_without_a_domain_is_a_users_of_the_only_domain(make: Make, database: Database) -> None:
    """OpenSER wrote none."""

    def complete(found: Binding) -> None:
        found.aor = found.aor._replace(domain=found.aor.domain or "example.com")

    writer = make("database", complete=complete)
    writer.commit([binding(10)], [])
    sql(
        database,
        "insert into location (username, contact, expires) values"
        " ('10', 'sip:old@192.0.2.9', '2037-01-01 00:00:00'), ('11', 'sip:x', '2037-01-01 00:00:00')",
    )
    contacts = {found.contact for found in writer.fetch(binding(10).aor)}
    assert contacts == {"sip:10@192.0.2.1:5060", "sip:old@192.0.2.9"}
    assert writer.fetch(binding(10).aor._replace(domain="elsewhere.org")) == []


@pytest.mark.parametrize("mode", ["write-through", "write-back", "memory"])
def test_whatever_the_mode_others_are_told(make: Make, mode: str) -> None:
    told: list[dict[str, Binding | None]] = []

    def tell(changes: dict[str, Binding | None], then: Callable[[], None]) -> None:
        told.append(changes)
        then()

    writer = make(mode, tell=tell)
    made, gone = binding(10), binding(11)
    writer.commit([made], [gone])
    assert told == [{made.ruid: made, gone.ruid: None}]


def test_a_row_that_another_node_has_by_now_goes_and_nobody_is_told(make: Make, database: Database) -> None:
    told: list[object] = []

    def tell(changes: dict[str, Binding | None], then: Callable[[], None]) -> None:
        told.append(changes)
        then()

    writer = make(tell=tell, sole_writer=True)
    writer.commit([binding(10)], [])
    writer.remove_row(binding(10).ruid)
    assert cseqs(database) == {}
    assert len(told) == 1
    writer.commit([binding(10, cseq=2)], [])
    assert cseqs(database) == {"10": 2}, "it is written whole when the phone comes back"


@pytest.mark.parametrize("tenths", range(10))
def test_a_row_goes_in_the_second_in_which_its_binding_ran_out(
    make: Make, database: Database, clock: Clock, tenths: int
) -> None:
    """Whatever part of a second lies between the two clocks."""
    clock.wall += tenths / 10
    writer = make(sole_writer=False)
    ran_out, alive = binding(10, lasts=60.2), binding(11, lasts=63)
    writer.commit([ran_out, alive], [])
    clock.advance(61)
    writer.remove_expired([ran_out, alive])
    assert list(cseqs(database)) == ["11"]
