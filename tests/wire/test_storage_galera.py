"""A real cluster: conflicts are tried again, and another member is asked when ours is not in sync."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from appliance.errors import DatabaseUnavailable
from appliance.storage import schema
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from tests.harness.galera import Galera
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import REPOSITORY

pytestmark = pytest.mark.timeout(300)

INSERT = "INSERT INTO dbaliases (alias_username, username) VALUES "


@pytest.fixture(scope="module")
def cluster() -> Iterator[Galera]:
    with Galera(3) as made:
        first = made.members[0]
        schema.create(first.url("openser"), admin_url=first.url(""))
        first.sql(
            "create user sipbox@'127.0.0.1' identified by 'made-for-tests';"
            "grant select, insert, update, delete on openser.* to sipbox@'127.0.0.1'"
        )
        yield made


@pytest.fixture
def database(cluster: Galera) -> Iterator[Database]:
    """As the server of the first member's box has it; there are no aliases."""
    first, second, _ = cluster.members
    first.sql("delete from openser.dbaliases")
    made = Database(first.url("openser"), others=[_other(second)], connect_timeout=2, query_timeout=15)
    try:
        yield made
    finally:
        made.close()


def _other(member: MariaDB) -> str:
    """As another box asks it: by the network, with a password."""
    return f"mysql+pymysql://sipbox:made-for-tests@127.0.0.1:{member.port}/openser"


def _count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT COUNT(*) FROM dbaliases")).scalar_one())


def test_tables_are_made_once_for_all_members(cluster: Galera) -> None:
    for member in cluster.members:
        found = schema.status(member.url("openser"))
        assert found.ready, found
    assert schema.create(cluster.members[2].url("openser"), admin_url=cluster.members[2].url("")) == []
    assert cluster.members[0].sql("select 1 from openser.version where table_name like 'tables %'") == []


def test_two_administrators_at_two_members_wait_for_one_another(cluster: Galera) -> None:
    first, second, _ = cluster.members
    urls = [first.url("twice"), second.url("twice")]
    program = (
        "import sys; from appliance.storage import schema;"
        "print(len(schema.create(sys.argv[1], admin_url=sys.argv[1])))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, url], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        for url in urls
    ]
    steps = [int(each.communicate(timeout=120)[0]) for each in both]
    assert sorted(map(bool, steps)) == [False, True], f"one of them has made them: {steps}"
    assert schema.status(urls[1]).ready


def test_commit_that_loses_against_another_members_is_tried_again(cluster: Galera) -> None:
    """Both change the same row for two seconds, in transactions that meet one another at the commit."""
    first, second, _ = cluster.members
    first.sql(
        "create table openser.counted (id int primary key, value int);"
        "insert into openser.counted values (1, 0)"
    )
    both = [Database(member.url("openser")) for member in (first, second)]

    def add(connection: Connection) -> None:
        value = connection.execute(text("SELECT value FROM counted WHERE id = 1 FOR UPDATE")).scalar_one()
        time.sleep(0.001)
        connection.execute(text("UPDATE counted SET value = :value WHERE id = 1"), {"value": value + 1})

    def run(database: Database) -> int:
        done = 0
        for _ in range(40):
            try:
                database.run(add)
                done += 1
            except DatabaseUnavailable:
                pass  # six times in a row the other one was faster: it is told, and not counted
        return done

    with ThreadPoolExecutor() as threads:
        done = sum(threads.map(run, both))
    assert done > 40
    assert second.sql("select value from openser.counted") == [(str(done),)]
    conflicts = [int(member.sql("show status like 'wsrep_local_%fail%'")[0][1]) for member in (first, second)]
    aborts = [int(member.sql("show status like 'wsrep_local_bf_aborts'")[0][1]) for member in (first, second)]
    assert sum(conflicts) + sum(aborts) > 0, "they have never met"
    for database in both:
        database.close()


def test_another_member_is_asked_while_ours_has_no_majority(cluster: Galera, database: Database) -> None:
    first, second, _ = cluster.members
    assert database.watch()
    channel = Channel(database)
    channel.execute(f"{INSERT}('before', '10')", "other")
    moved: list[str | None] = []
    database.members.on_move.append(lambda url: moved.append(url.host))

    cluster.cut_off(first)
    try:
        cluster.wait_for_size(2, second)
        channel.execute(f"{INSERT}('meanwhile', '10')", "other")
        assert database.members.elsewhere and moved == ["127.0.0.1"]
        assert database.available, "nobody noticed"
        home = database.members.home()
        assert home is not None and not home.primary
        assert database.run(_count) == 2
    finally:
        cluster.heal(first)
        cluster.wait_for_size(3, first)

    with gevent.Timeout(60):
        while database.members.elsewhere:
            gevent.sleep(0.1)
    channel.execute(f"{INSERT}('after', '10')", "other")
    assert first.sql("select alias_username from openser.dbaliases order by id") == [
        ("before",),
        ("meanwhile",),
        ("after",),
    ]
    channel.close()
    assert second.running


def test_without_any_majority_the_database_is_away(cluster: Galera, database: Database) -> None:
    first, second, _ = cluster.members
    assert database.watch()
    first.sql(f"use openser; {INSERT}('kept', '10')")
    cluster.cut_off(first)
    cluster.cut_off(second)
    try:
        with pytest.raises(DatabaseUnavailable):
            for _ in range(100):  # until each has noticed
                database.run(_count)
                gevent.sleep(0.2)
        assert not database.available
    finally:
        cluster.heal(first)
        cluster.heal(second)
    with gevent.Timeout(60):
        while not database.available:
            gevent.sleep(0.1)
    assert database.run(_count) == 1
