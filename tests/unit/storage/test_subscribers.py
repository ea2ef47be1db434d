from __future__ import annotations

from hashlib import md5

import gevent
import pytest

from appliance.auth.digest import ha1, ha1b
from appliance.errors import DatabaseUnavailable
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.subscribers import Subscribers
from tests.unit.storage.made import Clock, sql

DOMAIN = REALM = "192.168.1.15"


def queries(database: Database) -> int:
    return database.counters["subscriber", "ok"]


@pytest.fixture
def subscribers(database: Database, clock: Clock) -> Subscribers:
    return Subscribers(database, only=lambda: DOMAIN, clock=clock)


def test_a_row_as_the_document_makes_it(database: Database, subscribers: Subscribers) -> None:
    """No domain, no hash: it serves where one domain is served, and HA1 comes from the password."""
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    found = subscribers.find("10", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == md5(b"10:192.168.1.15:abc10").hexdigest() == ha1("10", REALM, "abc10")
    assert found.ha1b == ha1b("10", DOMAIN, REALM, "abc10")
    assert (found.ha1_sha256, found.ha1_sha512_256) == (None, None)  # nobody is asked for them
    assert found.domain == DOMAIN
    assert subscribers.find("11", DOMAIN, REALM) is None


def test_hashes_for_the_algorithms_that_are_asked_for(database: Database) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    columns = "username,domain,ha1,ha1_sha256,ha1_sha512_256"
    sql(database, f"insert into subscriber ({columns}) VALUES ('11','{DOMAIN}','AA','BB','CC')")

    def hashes(user: str, *algorithms: str) -> tuple[str | None, str | None]:
        found = Subscribers(database, only=lambda: DOMAIN, algorithms=algorithms).find(user, DOMAIN, REALM)
        assert found is not None
        return found.ha1_sha256, found.ha1_sha512_256

    assert hashes("10", "SHA-256", "MD5") == (ha1("10", REALM, "abc10", "SHA-256"), None)
    assert hashes("10", "SHA-512-256") == (None, ha1("10", REALM, "abc10", "SHA-512-256"))
    assert hashes("11", "SHA-512-256", "SHA-256", "MD5") == ("bb", "cc")
    assert hashes("11", "MD5") == (None, None)


def test_a_row_without_a_domain_serves_no_other(database: Database) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    assert Subscribers(database, only=lambda: None).find("10", DOMAIN, REALM) is None
    assert Subscribers(database, only=lambda: "elsewhere.org").find("10", DOMAIN, REALM) is None


def test_the_row_of_the_domain_comes_before_the_one_without(
    database: Database, subscribers: Subscribers
) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    sql(database, f"insert into subscriber (username,domain,ha1) VALUES ('10','{DOMAIN}','AAAA')")
    found = subscribers.find("10", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == "aaaa"


def test_a_row_may_have_any_name_of_its_domain(database: Database) -> None:
    hosts = {"a.org": ("a.org", "b.org", "c.org")}
    subscribers = Subscribers(database, hosts=lambda name: hosts.get(name, (name,)))
    sql(
        database,
        "insert into subscriber (username,domain,ha1) VALUES ('10','c.org','cc'), ('11','B.org','bb'),"
        " ('11','c.org','cc'), ('12','a.org','aa'), ('12','b.org','bb'), ('10','d.org','dd'), ('13','','ee')",
    )

    def hash_of(username: str, domain: str = "a.org") -> str | None:
        found = subscribers.find(username, domain, "realm")
        return None if found is None else found.ha1

    assert [hash_of(username) for username in ("10", "11", "12", "13")] == ["cc", "bb", "aa", None]
    assert hash_of("10", "d.org") == "dd"
    found = subscribers.find("10", "a.org", "realm")
    assert found is not None
    assert found.domain == "a.org"


def test_a_change_of_such_a_row_is_followed(database: Database) -> None:
    hosts = dict.fromkeys(("a.org", "b.org"), ("a.org", "b.org"))
    subscribers = Subscribers(database, hosts=lambda name: hosts.get(name, (name,)))
    sql(database, "insert into subscriber (username,domain,ha1) VALUES ('10','b.org','bb')")
    assert subscribers.find("10", "a.org", "realm") is not None
    sql(database, "update subscriber set ha1 = 'new'")
    subscribers.follow([Change("subscriber", "10", "b.org")])
    found = subscribers.find("10", "a.org", "realm")
    assert found is not None
    assert found.ha1 == "new"


def test_a_stored_hash_comes_before_the_password(database: Database, subscribers: Subscribers) -> None:
    sql(database, "insert into subscriber (username,password,ha1,ha1b) VALUES ('10','abc10','1234','5678')")
    found = subscribers.find("10", DOMAIN, REALM)
    assert found is not None
    assert (found.ha1, found.ha1b) == ("1234", "5678")


def test_a_row_without_credentials_lets_nobody_in(database: Database, subscribers: Subscribers) -> None:
    sql(database, "insert into subscriber (username) VALUES ('10')")
    sql(database, "insert into subscriber (username) VALUES ('11')")
    first, second = subscribers.find("10", DOMAIN, REALM), subscribers.find("11", DOMAIN, REALM)
    assert first is not None
    assert second is not None
    assert len(first.ha1) == 32
    assert first.ha1 not in (second.ha1, ha1("10", REALM, ""), md5(b"").hexdigest())
    assert first.ha1b is None


def test_the_hash_is_of_the_realm_that_is_asked_for(database: Database, subscribers: Subscribers) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    for realm in ("one", "two", "one"):
        found = subscribers.find("10", DOMAIN, realm)
        assert found is not None
        assert found.ha1 == ha1("10", realm, "abc10")
    assert queries(database) == 1


def test_what_was_read_stays(database: Database, subscribers: Subscribers) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    for _ in range(3):
        assert subscribers.find("10", DOMAIN, REALM) is not None
        assert subscribers.find("nobody", DOMAIN, REALM) is None
    assert queries(database) == 2
    database.available = False
    assert subscribers.find("10", DOMAIN, REALM) is not None


def test_misses_that_arrive_together_are_one_query(database: Database, subscribers: Subscribers) -> None:
    for number in range(150):
        sql(database, f"insert into subscriber (username,password) VALUES ('{number}','abc{number}')")
    asked = [gevent.spawn(subscribers.find, str(number % 160), DOMAIN, REALM) for number in range(320)]
    gevent.joinall(asked, raise_error=True)
    assert sum(each.value is not None for each in asked) == 300
    assert queries(database) <= 2


def test_the_least_recently_used_go_first(database: Database) -> None:
    few = Subscribers(database, cached=3, only=lambda: DOMAIN)
    for number in range(4):
        sql(database, f"insert into subscriber (username,password) VALUES ('{number}','abc')")
    for user in ("0", "1", "2", "0", "3"):
        few.find(user, DOMAIN, REALM)
    assert len(few) == 3
    before = queries(database)
    few.find("0", DOMAIN, REALM)
    assert queries(database) == before
    few.find("1", DOMAIN, REALM)
    assert queries(database) == before + 1


@pytest.mark.parametrize("domain", ["", DOMAIN])
def test_the_change_log_makes_it_read_again(
    database: Database, subscribers: Subscribers, domain: str
) -> None:
    assert subscribers.find("10", DOMAIN, REALM) is None
    sql(database, f"insert into subscriber (username,domain,password) VALUES ('10','{domain}','old')")
    subscribers.follow([Change("grp", "10", domain)])
    assert subscribers.find("10", DOMAIN, REALM) is None
    subscribers.follow([Change("subscriber", "10", domain)])
    assert subscribers.find("10", DOMAIN, REALM) is not None
    sql(database, "update subscriber set password='new'")
    subscribers.follow([Change("subscriber", "10", domain)])
    found = subscribers.find("10", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == ha1("10", REALM, "new")
    sql(database, "delete from subscriber")
    subscribers.forget_all()
    assert subscribers.find("10", DOMAIN, REALM) is None


def test_a_change_that_is_announced_while_we_read_is_not_missed(
    database: Database, subscribers: Subscribers
) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','old')")
    reading = gevent.spawn(subscribers.find, "10", DOMAIN, REALM)
    gevent.sleep(0)  # the query is on its way
    subscribers.forget("10", DOMAIN)
    sql(database, "update subscriber set password='new'")
    reading.get()
    found = subscribers.find("10", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == ha1("10", REALM, "new")


def test_a_failed_check_reads_the_row_again_once_a_second(
    database: Database, subscribers: Subscribers, clock: Clock
) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','old')")
    subscribers.find("10", DOMAIN, REALM)
    clock.advance(1)
    sql(database, "update subscriber set password='new'")
    found = subscribers.refetch("10", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == ha1("10", REALM, "new")
    before = queries(database)
    for _ in range(50):
        subscribers.refetch("10", DOMAIN, REALM)
    assert queries(database) == before
    clock.advance(1)
    sql(database, "delete from subscriber")
    assert subscribers.refetch("10", DOMAIN, REALM) is None


@pytest.mark.parametrize("resident", [False, True])
def test_a_failed_check_costs_as_many_questions_whether_the_user_exists(
    database: Database, subscribers: Subscribers, clock: Clock, resident: bool
) -> None:
    """What takes longer tells strangers who is a user."""
    sql(database, "insert into subscriber (username,password) VALUES ('10','secret')")
    asked = {}
    for name in ("10", "nobody"):
        if resident:
            subscribers.find(name, DOMAIN, REALM)
            clock.advance(10)
        counts = []
        for _ in range(3):
            before = queries(database)
            subscribers.find(name, DOMAIN, REALM)
            subscribers.refetch(name, DOMAIN, REALM)
            counts.append(queries(database) - before)
            clock.advance(1)
        asked[name] = counts
    assert asked["10"] == asked["nobody"] == [1, 1, 1]


def test_known_subscribers_go_on_while_the_database_is_away(
    database: Database, subscribers: Subscribers, clock: Clock
) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10')")
    before = subscribers.find("10", DOMAIN, REALM)
    sql(database, "alter table subscriber rename to elsewhere")
    database.watch()
    database.available = False
    assert subscribers.find("10", DOMAIN, REALM) == before
    assert subscribers.refetch("10", DOMAIN, REALM) == before
    with pytest.raises(DatabaseUnavailable):
        subscribers.find("11", DOMAIN, REALM)


def test_any_spelling_where_the_setting_says_so(database: Database) -> None:
    sql(database, f"insert into subscriber (username,domain,password) VALUES ('Alice','{DOMAIN}','abc')")
    strict, lenient = Subscribers(database), Subscribers(database, case_sensitive=False)
    assert strict.find("alice", DOMAIN, REALM) is None
    found = lenient.find("aLICE", DOMAIN, REALM)
    assert found is not None
    assert found.username == "Alice"
    assert found.ha1 == ha1("aLICE", REALM, "abc")  # as the phone computes it
    for spelling in ("alice", "ALICE"):
        other = lenient.find(spelling, DOMAIN, REALM)
        assert other is not None
        assert other.ha1 == ha1(spelling, REALM, "abc")
    sql(database, "update subscriber set password='new'")
    lenient.follow([Change("subscriber", "Alice", DOMAIN)])
    again = lenient.find("alice", DOMAIN, REALM)
    assert again is not None
    assert again.ha1 == ha1("alice", REALM, "new")


def test_who_is_expected_is_read_ahead_in_few_queries(database: Database, clock: Clock) -> None:
    values = ",".join(f"('{number}','{DOMAIN}','{number:032x}')" for number in range(300))
    sql(database, f"insert into subscriber (username,domain,ha1) values {values}")
    subscribers = Subscribers(database, only=lambda: DOMAIN, clock=clock, cached=250)
    subscribers.read_ahead([AddressOfRecord(str(number), DOMAIN) for number in range(300)])
    assert queries(database) == 2
    found = subscribers.find("7", DOMAIN, REALM)
    assert found is not None
    assert found.ha1 == f"{7:032x}"
    assert len(subscribers) == 250
    assert queries(database) == 2
