from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.names import Names
from tests.unit.storage.made import sql


@pytest.fixture
def names(database: Database) -> Names:
    return Names(database, only=lambda: "example.com")


def alias(names: Names, username: str, domain: str = "example.com") -> str | None:
    return names.alias(AddressOfRecord(username, domain))


def test_an_alias_is_a_contact_or_another_user(database: Database, names: Names) -> None:
    sql(
        database,
        "insert into aliases (username, domain, contact) values ('info', 'example.com', 'sip:10@x.org')",
    )
    sql(
        database,
        "insert into dbaliases (alias_username, alias_domain, username, domain) values"
        " ('sales', 'example.com', '11', 'example.com'), ('odd', 'example.com', 'a b#', 'example.com'),"
        " ('info', 'example.com', '12', 'example.com'), ('short', '', '13', '')",
    )
    names.load()
    assert alias(names, "info") == "sip:10@x.org"  # `aliases` is asked first
    assert alias(names, "sales") == "sip:11@example.com"
    assert alias(names, "odd") == "sip:a%20b%23@example.com"
    assert alias(names, "short") == "sip:13@example.com"
    assert alias(names, "short", "elsewhere.org") is None
    assert alias(names, "Sales") is None
    assert alias(names, "sales", "elsewhere.org") is None


def test_the_best_contact_of_several_that_has_not_expired(database: Database, names: Names) -> None:
    sql(
        database,
        "insert into aliases (username, domain, contact, q, expires) values"
        " ('info', 'example.com', 'sip:low@x', 0.1, '2099-01-01 00:00:00'),"
        " ('info', 'example.com', 'sip:best@x', 0.9, '1970-01-01 00:00:00'),"  # OpenSER's 'for good'
        " ('info', 'example.com', 'sip:dead@x', 1.0, '2007-01-01 00:00:00'),"
        " ('info', 'example.com', '', 1.0, '2099-01-01 00:00:00')",
    )
    names.load()
    assert alias(names, "info") == "sip:best@x"


def test_many_are_read_in_pages(database: Database, names: Names) -> None:
    rows = ",".join(f"('{n}', 'example.com', 'u{n}', 'example.com')" for n in range(4500))
    sql(database, f"insert into dbaliases (alias_username, alias_domain, username, domain) values {rows}")
    names.load()
    assert all(alias(names, str(n)) == f"sip:u{n}@example.com" for n in range(4500))


def test_the_change_log_makes_it_read_again(database: Database, names: Names) -> None:
    names.load()
    sql(
        database,
        "insert into dbaliases (alias_username, alias_domain, username, domain)"
        " values ('sales', 'example.com', '11', 'example.com'), ('help', 'example.com', '12', 'example.com')",
    )
    names.follow([Change("dbaliases", "sales", "example.com")])
    assert alias(names, "sales") == "sip:11@example.com"
    assert alias(names, "help") is None  # nobody has said so yet
    sql(database, "delete from dbaliases where alias_username = 'sales'")
    names.follow([Change("dbaliases", "sales", "example.com")])
    assert alias(names, "sales") is None
    names.forget_all()
    names.follow([])
    assert alias(names, "help") == "sip:12@example.com"


def test_a_change_that_could_not_be_read_is_read_later(database: Database, names: Names) -> None:
    names.load()
    sql(database, "insert into aliases (username, contact) values ('info', 'sip:10@x.org')")
    sql(database, "alter table aliases rename to elsewhere")
    with pytest.raises(StorageError):
        names.follow([Change("aliases", "info", "")])
    sql(database, "alter table elsewhere rename to aliases")
    names.follow([])
    assert alias(names, "info") == "sip:10@x.org"


def test_very_many_changes_are_one_reading(database: Database, names: Names) -> None:
    names.load()
    rows = ",".join(f"('{n}', 'sip:u{n}@x')" for n in range(600))
    sql(database, f"insert into aliases (username, contact) values {rows}")
    before = database.counters["aliases", "ok"]
    names.follow([Change("aliases", str(n), "") for n in range(600)])
    assert alias(names, "599") == "sip:u599@x"
    assert database.counters["aliases", "ok"] - before <= 4


def test_an_alias_may_be_written_with_any_name_of_its_domain(database: Database) -> None:
    hosts = {"example.com": ("example.com", "sip.example.com", "192.0.2.1")}
    names = Names(database, hosts=lambda domain: hosts.get(domain, (domain,)))
    sql(
        database,
        "insert into dbaliases (alias_username, alias_domain, username, domain) values"
        " ('sales', 'SIP.example.com', '11', 'example.com'), ('help', '192.0.2.1', '12', 'example.com'),"
        " ('help', 'sip.example.com', '13', 'example.com'), ('help', 'example.net', '14', 'example.net')",
    )
    names.load()
    assert alias(names, "sales") == "sip:11@example.com"
    assert alias(names, "help") == "sip:13@example.com"  # the first of its names that has one
    assert alias(names, "sales", "example.net") is None


def test_any_spelling_where_the_setting_says_so(database: Database) -> None:
    lenient = Names(database, case_sensitive=False)
    sql(
        database, "insert into aliases (username, domain, contact) values ('Info', 'EXAMPLE.com', 'sip:10@x')"
    )
    lenient.load()
    assert alias(lenient, "iNFO") == "sip:10@x"
