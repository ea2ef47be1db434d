"""Plain SQL, typed into the mysql client, takes effect in a server's memory within about a second."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator

import gevent
import pymysql
import pytest
from sqlalchemy.engine import make_url

from appliance.auth.digest import ha1
from appliance.sip.uri import AddressOfRecord
from appliance.storage import schema
from appliance.storage.changes import ChangeLog
from appliance.storage.engine import Database
from appliance.storage.identities import Identities
from appliance.storage.names import Names
from appliance.storage.served_domains import ServedDomains
from appliance.storage.subscribers import Subscribers
from appliance.storage.triggers import WATCHED, trigger_names
from tests.harness.mariadb import MariaDB

pytestmark = pytest.mark.mariadb

DOMAIN = "192.168.1.15"
TEN = AddressOfRecord("10", DOMAIN)


class Resident:
    """What a server keeps in memory, as it puts it together."""

    def __init__(self, server: MariaDB, url: str) -> None:
        self.server = server
        self.name = str(make_url(url).database)
        self.database = Database(url)
        self.database.watch()
        self.subscribers = Subscribers(self.database, only=lambda: DOMAIN)
        self.names = Names(self.database, only=lambda: DOMAIN)
        self.domains = ServedDomains(self.database)
        self.identities = Identities(self.database, self.domains)
        self.log = ChangeLog(self.database)
        for each in (self.domains, self.names, self.identities.rows):
            each.load()
            self.log.tell.append(each.follow)
            self.log.tell_all.append(each.forget_all)
        self.log.tell.append(self.subscribers.follow)
        self.log.tell_all.append(self.subscribers.forget_all)

    def sql(self, statement: str) -> None:
        self.server.sql(statement, self.name)

    def password_is(self, username: str, password: str) -> bool:
        found = self.subscribers.find(username, DOMAIN, DOMAIN)
        return found is not None and found.ha1 == ha1(username, DOMAIN, password)

    def takes_effect(self, condition: Callable[[], bool]) -> float:
        """Seconds until it is so."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < 5, "it never took effect"
            gevent.sleep(0.02)
        return time.monotonic() - began


@pytest.fixture
def resident(mariadb: MariaDB) -> Iterator[Resident]:
    url = mariadb.url(f"changes_{uuid.uuid4().hex[:8]}")
    schema.create(url)
    resident = Resident(mariadb, url)
    resident.log.start()
    yield resident
    resident.log.stop()
    resident.subscribers.close()
    resident.database.close()
    schema.drop(url)


def test_subscribers_change_within_a_second(resident: Resident) -> None:
    assert resident.subscribers.find("10", DOMAIN, DOMAIN) is None
    resident.sql("insert into subscriber (username,password) VALUES ('10','abc10');")
    assert resident.takes_effect(lambda: resident.password_is("10", "abc10")) < 2
    resident.sql("update subscriber set password='new' where username='10'")
    assert resident.takes_effect(lambda: resident.password_is("10", "new")) < 2
    resident.sql("delete from subscriber")
    assert resident.takes_effect(lambda: resident.subscribers.find("10", DOMAIN, DOMAIN) is None) < 2


def test_domains_and_aliases_change_within_a_second(resident: Resident) -> None:
    resident.sql("insert into domain (domain) values ('New.org')")
    assert resident.takes_effect(lambda: "new.org" in resident.domains.by_host) < 2
    resident.sql("insert into domain_attrs (did,name,value) values ('new.org','digest_realm','Realm')")
    assert resident.takes_effect(lambda: resident.domains.by_host["new.org"].realm == "Realm") < 2
    resident.sql("insert into aliases (username,domain,contact) values ('info','new.org','sip:10@x')")
    info = AddressOfRecord("info", "new.org")
    assert resident.takes_effect(lambda: resident.names.alias(info) == "sip:10@x") < 2
    resident.sql("delete from aliases; delete from domain")
    assert resident.takes_effect(lambda: resident.names.alias(info) is None) < 2
    assert resident.takes_effect(lambda: not resident.domains.by_host) < 2


def test_a_further_name_of_a_user_is_known_within_a_second(resident: Resident) -> None:
    resident.sql("insert into uri (username,domain,uri_user) values ('10','192.168.1.15','sales')")
    assert resident.takes_effect(lambda: resident.identities.has(TEN, "sales")) < 2
    resident.sql("update uri set uri_user='help'")
    assert resident.takes_effect(lambda: resident.identities.has(TEN, "help")) < 2
    assert not resident.identities.has(TEN, "sales")


def test_a_transaction_that_others_overtake_is_seen(resident: Resident) -> None:
    """The number of its entry is lower than one that has been read already."""
    resident.sql("insert into subscriber (username,password) values ('10','old'), ('11','old')")
    resident.takes_effect(lambda: resident.password_is("10", "old") and resident.password_is("11", "old"))
    slow = pymysql.connect(unix_socket=str(resident.server.socket), user="root", database=resident.name)
    with slow.cursor() as cursor:
        cursor.execute("update subscriber set password='slow' where username='10'")
        resident.sql("update subscriber set password='quick' where username='11'")
        resident.takes_effect(lambda: resident.password_is("11", "quick"))
        assert resident.password_is("10", "old")
        gevent.sleep(1.5)  # the log has been read beyond
        slow.commit()
    assert resident.takes_effect(lambda: resident.password_is("10", "slow")) < 2
    slow.close()


def test_very_many_changes_at_once(resident: Resident) -> None:
    resident.sql("insert into subscriber (username,password) select seq,'old' from seq_1_to_20000")
    resident.takes_effect(lambda: resident.password_is("1", "old") and resident.password_is("20000", "old"))
    resident.sql("update subscriber set password='new'")
    assert (
        resident.takes_effect(
            lambda: resident.password_is("1", "new") and resident.password_is("20000", "new")
        )
        < 5
    )


def test_all_triggers_are_there(resident: Resident) -> None:
    rows = resident.server.sql(
        f"select trigger_name from information_schema.triggers where trigger_schema='{resident.name}'"
    )
    assert {name for (name,) in rows} == trigger_names()
    assert len(rows) == 3 * len(WATCHED)


def test_numbers_are_given_without_gaps(resident: Resident) -> None:
    """A gap means that a transaction is under way; others would be watched for nothing."""
    resident.sql("insert into subscriber (username) values ('10'); update subscriber set password='x'")
    resident.sql("update subscriber set username='11'; delete from subscriber")
    resident.sql("insert into domain (domain) values ('a')")
    ids = [
        int(number)
        for (number,) in resident.server.sql("select id from change_log order by id", resident.name)
    ]
    assert ids == list(range(1, len(ids) + 1))


def test_a_deadlocks_victim_runs_again(resident: Resident) -> None:
    """Two transactions lock the same two rows in the opposite order; both are done in the end."""
    resident.sql("insert into subscriber (username) values ('10'), ('11')")
    meeting = threading.Barrier(2, timeout=10)
    tries: list[str] = []

    def both(first: str, second: str) -> None:
        database = Database(resident.database.url)

        def work(connection) -> None:  # type: ignore[no-untyped-def]
            tries.append(first)
            connection.exec_driver_sql(f"update subscriber set flag=flag+1 where username='{first}'")
            if len(tries) <= 2:
                meeting.wait()
            connection.exec_driver_sql(f"update subscriber set flag=flag+1 where username='{second}'")

        database.run(work)
        database.close()

    resident.sql("update subscriber set flag='0'")
    rivals = [threading.Thread(target=both, args=pair) for pair in (("10", "11"), ("11", "10"))]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(30)
    assert len(tries) >= 3, "there was no deadlock"
    assert resident.server.sql("select flag from subscriber", resident.name) == [("2",), ("2",)]


@pytest.mark.parametrize(
    "evil", ["it's", "\\", "\\'", "') OR ('1'='1", '"', "%s", "a\nb", "電話", "\N{GRINNING FACE}"]
)
def test_a_user_of_any_name_is_found_and_nobody_else(resident: Resident, evil: str) -> None:
    with resident.database.engine.begin() as connection:
        insert = "insert into subscriber (username, domain, password) values (%s, %s, %s)"
        connection.exec_driver_sql(insert, (evil, DOMAIN, "secret"))
        connection.exec_driver_sql(insert, ("victim", DOMAIN, "another"))
    assert resident.password_is(evil, "secret")
    assert resident.subscribers.find(f"{evil}'", DOMAIN, DOMAIN) is None
    assert resident.subscribers.find(evil, f"{DOMAIN}'", DOMAIN) is None
    lenient = Subscribers(resident.database, case_sensitive=False)
    found = lenient.find(evil.upper(), DOMAIN, DOMAIN)
    assert found is not None
    assert found.username == evil
    lenient.close()
