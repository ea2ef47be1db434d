"""The storage of one process: what it makes of rows that say less than ours do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gevent
import msgspec
import pytest

from appliance.config import Settings
from appliance.errors import DatabaseRefused
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.storage.directory import Directory, spool_name, way_back
from appliance.storage.schema import create
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from tests.unit.storage.made import sql


def directory_of(
    url: str, state_dir: Path, told: list[str], location_mode: str = "write-through"
) -> Directory:
    sip = {"domains": ["example.org"], "state_dir": str(state_dir)}
    registrar = {"location_mode": location_mode}
    settings = msgspec.convert({"database": {"url": url}, "sip": sip, "registrar": registrar}, Settings)
    return Directory(settings, Metrics(), Journal(lambda level, message, fields: told.append(message)))


@pytest.mark.parametrize("table", ["location", "subscriber", "domain", "dbaliases", "change_log"])
def test_a_missing_table_is_told_before_anybody_calls(url: str, tmp_path: Path, table: str) -> None:
    create(url)
    directory = directory_of(url, tmp_path, [])
    directory.database.run(lambda connection: connection.exec_driver_sql(f"drop table {table}"))
    with pytest.raises(DatabaseRefused, match=f"{table}.*sipbox database upgrade"):
        directory.start(Locations())
    directory.stop()


def test_a_database_that_is_away_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    directory = directory_of(f"sqlite:///{tmp_path / 'nowhere' / 'sipbox.db'}", tmp_path, told)
    directory.start(Locations())
    directory.stop()
    assert len(told) == 1


def test_where_nothing_is_in_memory_dead_rows_go_all_the_same(url: str, tmp_path: Path) -> None:
    create(url)
    directory = directory_of(url, tmp_path, [], "database")
    directory.database.run(
        lambda connection: connection.exec_driver_sql(
            "insert into location (ruid, username, domain, contact, expires)"
            " values ('dead', '10', 'example.org', 'sip:10@10.0.0.1', '2007-01-01 00:00:00')"
        )
    )
    directory.start(Locations())
    try:
        with gevent.Timeout(10):
            while directory.database.run(
                lambda connection: connection.exec_driver_sql("select count(*) from location").scalar()
            ):
                gevent.sleep(0.01)
    finally:
        directory.stop()


def test_a_row_of_openser_has_no_domain_and_a_phone_behind_nat_its_source(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    create(url)
    directory = directory_of(url, tmp_path, [])
    directory.database.run(
        lambda connection: connection.exec_driver_sql(
            "insert into location (ruid, username, domain, contact, received, expires)"
            " values ('old', '10', '', 'sip:10@10.0.0.1', 'sip:198.51.100.7:1024', '2037-01-01 00:00:00')"
        )
    )
    locations = Locations()
    directory.start(locations)
    try:
        with gevent.Timeout(10):
            while locations.loading:
                gevent.sleep(0.01)
        (found,) = locations
        assert found.aor == AddressOfRecord("10", "example.org")
        assert found.hop == Hop("udp", "198.51.100.7", 1024, -1)
    finally:
        directory.stop()


def test_the_credentials_of_those_who_are_registered_are_there_before_they_come(
    url: str, tmp_path: Path
) -> None:
    create(url)
    directory = directory_of(url, tmp_path, [])
    for statement in (
        """insert into location (ruid, username, domain, contact, expires)
        values ('r', '10', 'example.org', 'sip:10@10.0.0.1', '2037-01-01 00:00:00')""",
        """insert into subscriber (username, domain, ha1)
        values ('10', 'example.org', 'a'), ('11', 'example.org', 'b')""",
    ):
        sql(directory.database, statement)
    directory.start(Locations())
    try:
        with gevent.Timeout(10):
            while not len(directory.credentials):
                gevent.sleep(0.01)
        asked = directory.database.counters["subscriber", "ok"]
        found = directory.credentials.find("10", "example.org", "example.org")
        assert found is not None
        assert found.ha1 == "a"
        assert directory.database.counters["subscriber", "ok"] == asked
    finally:
        directory.stop()


@pytest.mark.parametrize(
    ("contact", "socket", "received", "way"),
    [
        ("sip:10@192.0.2.7:5070", "udp:192.0.2.1:5060", None, None),
        # It may not say so in its Contact: over UDP nobody would tell that it is not there.
        ("sip:10@192.0.2.7:5070", "tcp:192.0.2.1:5060", None, Hop("tcp", "192.0.2.7", 5070, -1)),
        ("sip:10@[2001:db8::7]", "tcp:[2001:db8::1]:5060", None, Hop("tcp", "2001:db8::7", 5060, -1)),
        ("sip:10@phone.example", "tcp:192.0.2.1:5060", None, None),
        ("sip:10@10.0.0.7", None, "sip:198.51.100.7:1024", Hop("udp", "198.51.100.7", 1024, -1)),
        ("sip:10@10.0.0.7", None, "sip:nat.example:1024", None),
        ("sip:10@10.0.0.7", None, "gibberish", None),
    ],
)
def test_the_way_to_a_phone_whose_binding_was_read(
    contact: str, socket: str | None, received: str | None, way: Hop | None
) -> None:
    aor = AddressOfRecord("10", "example.org")
    binding = Binding(aor, contact, 1.0, "c", 1, socket=socket, received=received, ruid="r")
    assert way_back(binding) == way


@pytest.mark.parametrize(
    ("contact", "received", "open_flows", "way"),
    [
        # The connection outlived the process.
        (
            "sip:10@192.0.2.7:5070",
            "sip:192.0.2.7:1024;transport=tcp;flow=ab",
            {171},
            Hop("tcp", "192.0.2.7", 1024, -1, 171),
        ),
        # It did not: the phone may listen where its Contact says, when no NAT is between.
        (
            "sip:10@192.0.2.7:5070",
            "sip:192.0.2.7:1024;transport=tcp;flow=ab",
            set(),
            Hop("tcp", "192.0.2.7", 5070, -1),
        ),
        # Behind a NAT nobody can connect to it: it is lost until the phone connects again.
        (
            "sip:10@10.0.0.7:5070",
            "sip:192.0.2.7:1024;transport=tcp;flow=ab",
            set(),
            Hop("tcp", "192.0.2.7", 1024, -1, 171),
        ),
        (
            "sip:10@192.0.2.7:5070",
            "sip:192.0.2.7:1024;transport=tcp;flow=nonsense",
            {171},
            Hop("tcp", "192.0.2.7", 5070, -1),
        ),
        ("sip:10@phone.example", "sip:192.0.2.7:1024;transport=tcp;flow=ab", set(), None),
    ],
)
def test_the_way_to_a_phone_that_registered_by_a_connection(
    contact: str, received: str, open_flows: set[int], way: Hop | None
) -> None:
    aor = AddressOfRecord("10", "example.org")
    binding = Binding(aor, contact, 1.0, "c", 1, socket="tcp:192.0.2.1:5060", received=received, ruid="r")
    assert way_back(binding, lambda hop: hop.connection in open_flows) == way


def shared_directory(url: str, tmp_path: Path, told: list[str]) -> Directory:
    """That of worker 2; the other workers know at once."""
    sip = {"domains": ["example.org"], "state_dir": str(tmp_path)}
    settings = msgspec.convert({"database": {"url": url}, "sip": sip}, Settings)
    journal = Journal(lambda level, message, fields: told.append(message))
    return Directory(settings, Metrics(), journal, worker=2, tell=lambda changes, then: then())


def until(question: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not question():
            gevent.sleep(0.005)


def bound(number: int, deadline: float = 1e9) -> Binding:
    aor = AddressOfRecord(str(number), "example.org")
    return Binding(aor, f"sip:{number}@192.0.2.7", deadline, "c", 1, ruid=f"r{number}", modified=1.7e9)


def test_rows_are_read_again_when_something_was_missed(url: str, tmp_path: Path) -> None:
    create(url)
    told: list[str] = []
    directory, locations = shared_directory(url, tmp_path, told), Locations()
    directory.start(locations)
    try:
        until(lambda: not locations.loading)
        for number in (10, 11):
            locations.put(bound(number))
            directory.bindings.commit([bound(number)], [])
        directory.database.run(
            lambda connection: connection.exec_driver_sql(
                "update location set username = '12', ruid = 'r12' where ruid = 'r11'"
            )
        )
        directory.read_again(locations)
        assert locations.loading  # from now on a user's rows are read first
        directory.read_again(locations)
        until(lambda: not locations.loading)
        assert sorted(binding.ruid for binding in locations) == ["r10", "r12"]
        assert "2 bindings were read again" in told
    finally:
        directory.stop()


def test_a_row_that_another_worker_has_refreshed_does_not_go(url: str, tmp_path: Path) -> None:
    create(url)
    directory, locations = shared_directory(url, tmp_path, []), Locations()
    directory.start(locations)
    try:
        until(lambda: not locations.loading)
        directory.bindings.commit([bound(10), bound(11)], [])
        directory.database.run(
            lambda connection: connection.exec_driver_sql(
                "update location set expires = '2007-01-01 00:00:00' where ruid = 'r11'"
            )
        )
        directory.remove_expired([bound(10, 1.0), bound(11, 1.0)])
        rows = directory.database.run(
            lambda connection: connection.exec_driver_sql("select ruid from location").scalars().all()
        )
        assert rows == ["r10"]
    finally:
        directory.stop()


def test_each_worker_has_a_spool_of_its_own() -> None:
    assert [spool_name(worker) for worker in (1, 2)] == ["spool.db", "spool-2.db"]
