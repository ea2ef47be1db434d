"""Further names of a user, from the table ``uri``."""

from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.identities import Identities
from tests.unit.storage.made import OneDomain, sql

INSERT = "insert into uri (username, domain, uri_user) values"


@pytest.fixture
def identities(database: Database) -> Identities:
    return Identities(database, OneDomain())


def has(identities: Identities, username: str, domain: str, name: str) -> bool:
    return identities.has(AddressOfRecord(username, domain), name)


def test_a_user_may_have_further_names(database: Database, identities: Identities) -> None:
    sql(
        database,
        f"{INSERT} ('10', 'Example.com', 'sales'), ('10', 'example.com', 'help'), ('11', '', 'boss'),"
        " ('12', 'sip.example.com', 'info'), ('13', 'example.net', 'sales')",
    )
    assert not has(identities, "10", "example.com", "sales")  # nobody has read it yet
    identities.rows.load()
    assert has(identities, "10", "example.com", "sales")
    assert has(identities, "10", "example.com", "help")
    assert has(identities, "11", "example.com", "boss")  # without a domain it is the only one's
    assert has(identities, "12", "example.com", "info")  # with another name of the domain
    assert has(identities, "13", "example.net", "sales")
    for username, domain, name in (
        ("10", "example.com", "boss"),
        ("10", "example.com", "Sales"),
        ("10", "example.net", "sales"),
        ("11", "example.net", "boss"),
        ("sales", "example.com", "10"),
    ):
        assert not has(identities, username, domain, name)


def test_the_change_log_makes_it_read_again(database: Database, identities: Identities) -> None:
    identities.rows.load()
    sql(database, f"{INSERT} ('10', 'example.com', 'sales'), ('10', 'example.com', 'help'), ('11', '', 'x')")
    identities.rows.follow([Change("uri", "10", "example.com")])
    assert has(identities, "10", "example.com", "sales")
    assert not has(identities, "11", "example.com", "x")  # nobody has said so yet
    sql(database, "delete from uri where uri_user = 'sales'")
    identities.rows.follow([Change("subscriber", "10", "example.com")])
    assert has(identities, "10", "example.com", "sales")
    identities.rows.follow([Change("uri", "10", "example.com")])
    assert not has(identities, "10", "example.com", "sales")
    assert has(identities, "10", "example.com", "help")
    identities.rows.forget_all()
    identities.rows.follow([])
    assert has(identities, "11", "example.com", "x")


def test_a_change_that_could_not_be_read_is_read_later(database: Database, identities: Identities) -> None:
    identities.rows.load()
    sql(database, f"{INSERT} ('10', 'example.com', 'sales')")
    sql(database, "alter table uri rename to elsewhere")
    with pytest.raises(StorageError):
        identities.rows.follow([Change("uri", "10", "example.com")])
    sql(database, "alter table elsewhere rename to uri")
    identities.rows.follow([])
    assert has(identities, "10", "example.com", "sales")


def test_many_are_read_in_pages_and_many_changes_are_one_reading(
    database: Database, identities: Identities
) -> None:
    rows = ",".join(f"('{n}', 'example.com', 'u{n}')" for n in range(5500))
    sql(database, f"{INSERT} {rows}")
    identities.rows.load()
    assert all(has(identities, str(n), "example.com", f"u{n}") for n in range(5500))
    sql(database, "delete from uri")
    before = database.counters["uri", "ok"]
    identities.rows.follow([Change("uri", str(n), "example.com") for n in range(5500)])
    assert not has(identities, "7", "example.com", "u7")
    assert database.counters["uri", "ok"] - before == 1


def test_any_spelling_where_the_setting_says_so(database: Database) -> None:
    lenient = Identities(database, OneDomain(), case_sensitive=False)
    sql(database, f"{INSERT} ('Ten', 'example.com', 'Sales'), ('ten', 'example.com', 'help')")
    lenient.rows.load()
    assert has(lenient, "TEN", "example.com", "SALES")
    sql(database, "delete from uri where uri_user = 'help'")
    lenient.rows.follow([Change("uri", "ten", "example.com")])
    assert has(lenient, "ten", "example.com", "sales")
    assert not has(lenient, "ten", "example.com", "help")
