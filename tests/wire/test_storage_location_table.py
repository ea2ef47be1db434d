"""The statements on ``location``: both databases keep the same promises."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import gevent
import pytest
from sqlalchemy.engine import Connection

from appliance.errors import RowRefused
from appliance.registrar.binding import Binding, ruid_of
from appliance.registrar.locations import Locations
from appliance.sip.uri import AddressOfRecord
from appliance.storage import schema
from appliance.storage.bindings import BindingWriter
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.location_mariadb import MariaLocations
from appliance.storage.location_rows import (
    RUID,
    LocationTable,
    Refresh,
    Row,
    binding_of,
    refresh_of,
    row_of,
)
from appliance.storage.location_sqlite import SqliteLocations

OFFSET = 1_700_000_000.0 - 1000.0
EVIL = "it's \\ \"quoted\" %s '),('x 電話 \N{GRINNING FACE} \t"


class Kept(NamedTuple):
    table: LocationTable
    database: Database

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        def work(connection: Connection) -> list[tuple[Any, ...]]:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

        return self.database.run(work)

    def cseqs(self) -> dict[str, int]:
        return {str(user): int(cseq) for user, cseq in self.sql("select username, cseq from location")}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    else:
        url = request.getfixturevalue("mariadb").url(f"location_{uuid.uuid4().hex[:8]}")
    schema.create(url)
    database = Database(url)
    channel = Channel(database)
    table = SqliteLocations(database) if request.param == "sqlite" else MariaLocations(channel)
    yield Kept(table, database)
    channel.close()
    database.close()
    schema.drop(url)


def binding(number: int, *, cseq: int = 1, **more: Any) -> Binding:
    aor = AddressOfRecord(str(number), "example.com")
    contact = f"sip:{number}@192.0.2.1:5060"
    values: dict[str, Any] = {
        "contact": contact,
        "deadline": 4600.0,
        "call_id": f"call-{number}",
        "cseq": cseq,
        "ruid": ruid_of(aor, contact),
        "modified": 1_700_000_000.0 + cseq,
    }
    return Binding(aor, **values | more)


def rows(*numbers: int, cseq: int = 1, **more: Any) -> list[Row]:
    return sorted(row_of(binding(number, cseq=cseq, **more), OFFSET) for number in numbers)


def refreshes(*numbers: int, cseq: int = 1, **more: Any) -> list[Refresh]:
    return sorted(refresh_of(binding(number, cseq=cseq, **more), OFFSET) for number in numbers)


def test_whole_rows_come_back(kept: Kept) -> None:
    originals = [
        binding(1),
        binding(
            2, q=0.7, path="<sip:edge;lr>", received="sip:198.51.100.7:1024", socket="udp:192.0.2.9:5060"
        ),
        binding(3, methods=6111, instance="urn:uuid:1", reg_id=3, flags=7, cflags=2**31, cseq=2**31 - 1),
        binding(4, deadline=float("inf"), user_agent=EVIL[:60], call_id=EVIL, contact=EVIL),
        binding(5, user_agent=b"B\xfcro".decode("utf-8", "surrogateescape"), contact="sip:" + "c" * 2044),
    ]
    kept.table.upsert(sorted(row_of(each, OFFSET) for each in originals))
    found = {row[RUID]: binding_of(row, OFFSET) for row in kept.table.page("", 100)}
    for original in originals:
        back = found[original.ruid]
        names = [field.name for field in fields(Binding)]
        assert [getattr(back, name) for name in names] == [getattr(original, name) for name in names]


def test_a_row_that_is_there_is_changed_in_place(kept: Kept) -> None:
    kept.table.upsert(rows(*range(20)))
    before = kept.sql("select id, ruid from location order by ruid")
    kept.table.upsert(rows(*range(20), cseq=2, contact="sip:moved@192.0.2.2"))
    assert kept.sql("select id, ruid from location order by ruid") == before
    assert {row[3] for row in kept.table.page("", 100)} == {"sip:moved@192.0.2.2"}


def test_a_refresh_changes_rows_that_are_there(kept: Kept) -> None:
    kept.table.upsert(rows(*range(20)))
    assert kept.table.refresh(refreshes(*range(20), cseq=2, deadline=9000.0))
    assert set(kept.cseqs().values()) == {2}
    assert {row[6] for row in kept.table.page("", 100)} == {1_700_008_000}


def test_a_refresh_of_a_row_that_is_not_there_says_so(kept: Kept) -> None:
    kept.table.upsert(rows(*range(20)))
    kept.sql("delete from location where username = '7'")
    again = rows(*range(20), cseq=2)
    assert not kept.table.refresh(refreshes(*range(20), cseq=2))
    kept.table.upsert(again)
    assert kept.cseqs() == dict.fromkeys(map(str, range(20)), 2)
    assert all(row[3] for row in kept.table.page("", 100))


@pytest.mark.mariadb
@pytest.mark.parametrize("kept", ["mariadb"], indirect=True)
def test_a_connection_that_was_closed_is_opened_again(kept: Kept) -> None:
    """And whether it is a change or a question that finds it closed makes no difference."""
    kept.table.upsert(rows(*range(20)))
    for cseq in range(2, 6):
        kill_others(kept)
        assert kept.table.refresh(refreshes(*range(20), cseq=cseq))
        assert set(kept.cseqs().values()) == {cseq}
        assert len(kept.table.page("", 100)) == 20
        kill_others(kept)
        assert len(kept.table.page("", 100)) == 20


def kill_others(kept: Kept) -> None:
    """Close all connections but the one that asks."""
    others = "select id from information_schema.processlist where db = database() and id <> connection_id()"
    found = kept.sql(others)
    assert found
    for (number,) in found:
        kept.sql(f"kill {number}")


@pytest.mark.mariadb
@pytest.mark.parametrize("kept", ["mariadb"], indirect=True)
def test_more_rows_than_one_packet_of_the_network_holds(kept: Kept) -> None:
    many = range(1000)
    kept.table.upsert(rows(*many, user_agent="x" * 250, call_id="y" * 500))
    assert kept.table.refresh(refreshes(*many, cseq=2))
    assert list(kept.cseqs().values()) == [2] * 1000


def test_a_replay_changes_nothing_that_is_newer(kept: Kept) -> None:
    kept.table.upsert(rows(1, cseq=5) + rows(2, cseq=5) + rows(3, cseq=5))
    older, newer = "2023-11-14 22:13:22", "2023-11-14 22:13:40"  # cseq 2 and 20
    kept.table.replay(
        rows(1, cseq=4, contact="sip:older") + rows(2, cseq=6, contact="sip:newer") + rows(4, cseq=1), []
    )
    assert kept.cseqs() == {"1": 5, "2": 6, "3": 5, "4": 1}
    contacts = {row[1]: row[3] for row in kept.table.page("", 100)}
    assert contacts["1"] == "sip:1@192.0.2.1:5060"
    assert contacts["2"] == "sip:newer"
    kept.table.replay([], [(binding(3).ruid, older), (binding(2).ruid, newer)])
    assert set(kept.cseqs()) == {"1", "3", "4"}
    kept.table.replay(rows(1, cseq=4), [])  # the same again changes nothing
    assert kept.cseqs()["1"] == 5


def test_rows_that_have_come_back_to_life_are_not_removed(kept: Kept) -> None:
    kept.table.upsert(rows(1, deadline=1000.0) + rows(2, deadline=1000.0) + rows(3, deadline=9000.0))
    kept.table.refresh(refreshes(2, cseq=2, deadline=9000.0))
    ruids = [binding(number).ruid for number in (1, 2, 3)]
    kept.table.delete(ruids, expired_before="2023-11-14 22:14:00")
    assert set(kept.cseqs()) == {"2", "3"}
    kept.table.delete(ruids)
    assert kept.cseqs() == {}


def test_pages_go_through_all_rows(kept: Kept) -> None:
    kept.table.upsert(rows(*range(250)))
    seen: list[str] = []
    while page := kept.table.page(seen[-1] if seen else "", 100):
        seen += [row[RUID] for row in page]
    assert len(seen) == 250
    assert seen == sorted(set(seen))


def test_a_phone_that_forges_rows_harms_nobody(kept: Kept) -> None:
    """MariaDB packs a page into one text; the sign between its values may come from outside."""
    forged = "x" + "\x1f" * 17 + "forged\x1fvictim"
    kept.table.upsert(rows(1, 3) + rows(2, user_agent=forged))
    assert {row[1] for row in kept.table.page("", 100)} == {"1", "2", "3"}
    assert {row[13] for row in kept.table.page("", 100)} == {"", forged}


def test_more_text_than_the_database_packs(kept: Kept) -> None:
    """Four-byte letters: more than 16 MB in one page."""
    wide: dict[str, Any] = {
        "contact": "sip:" + "\N{GRINNING FACE}" * 2000,
        "path": "\N{GRINNING FACE}" * 2000,
    }
    numbers = range(1100)
    kept.table.upsert(rows(*numbers, **wide))
    page = kept.table.page("", 2000)
    assert {row[1] for row in page} == set(map(str, numbers))
    assert {(row[3], row[5]) for row in page} == {(wide["contact"], wide["path"])}


def test_a_date_that_is_none_is_the_beginning_of_time(kept: Kept) -> None:
    """As in tables that OpenSER filled without strict mode."""
    kept.table.upsert(rows(1, 2))
    if kept.database.dialect == "sqlite":
        kept.sql("update location set expires = '1970-01-01 00:00:00' where username = '1'")
    else:
        kept.sql("update location set expires = '0000-00-00 00:00:00' where username = '1'")
    assert {row[1]: row[6] for row in kept.table.page("", 100)}["1"] == 0


def test_the_rows_of_one_user(kept: Kept) -> None:
    kept.table.upsert(rows(1, 2) + rows(1, contact="sip:second", ruid="second"))
    assert {row[3] for row in kept.table.of_user(AddressOfRecord("1", "example.com"))} == {
        "sip:1@192.0.2.1:5060",
        "sip:second",
    }
    assert not kept.table.of_user(AddressOfRecord("1", "example.org"))
    assert not kept.table.of_user(AddressOfRecord("1 ", "example.com"))
    assert not kept.table.of_user(AddressOfRecord("1' or '1'='1", "example.com"))


def test_a_row_that_cannot_be_is_refused_and_no_other(kept: Kept) -> None:
    if kept.database.dialect == "sqlite":
        # It takes any length, so something else refuses.
        kept.sql(
            "create trigger no before insert on location when length(new.callid) > 512"
            " begin select raise(abort, 'too long'); end"
        )
    writer = BindingWriter(kept.database)
    writer.start()
    commits = {
        number: gevent.spawn(writer.commit, [binding(number, call_id="x" * 600 if number == 13 else "c")], [])
        for number in range(30)
    }
    gevent.joinall(list(commits.values()))
    assert isinstance(commits.pop(13).exception, RowRefused)
    assert all(each.successful() for each in commits.values())
    assert set(kept.cseqs()) == {str(number) for number in range(30) if number != 13}
    writer.stop()


def test_bindings_come_back_through_the_writer(kept: Kept) -> None:
    writer = BindingWriter(kept.database, clock=lambda: 1000.0, wall=lambda: 1_700_000_000.0)
    writer.start()
    writer.commit([binding(number) for number in range(1100)], [])
    writer.commit([binding(number, cseq=2) for number in range(1100)], [])
    locations = Locations()
    assert writer.load(locations) == 1100
    assert {each.cseq for each in locations} == {2}
    writer.stop()
