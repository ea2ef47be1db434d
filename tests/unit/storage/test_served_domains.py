"""Domains in memory, as the tables have them; who asked to be told of them is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from appliance.config import NamedDomain
from appliance.errors import StorageError
from appliance.registrar.served import ServedDomain
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.served_domains import ServedDomains
from tests.unit.storage.made import sql


@pytest.fixture
def domains(database: Database) -> ServedDomains:
    return ServedDomains(database, [NamedDomain("example.com", ("192.0.2.1",))])


def test_those_of_the_settings_are_served_before_the_database_answers(domains: ServedDomains) -> None:
    assert domains.canonical("192.0.2.1") == "example.com"
    assert domains.hosts("192.0.2.1") == ("example.com", "192.0.2.1")
    assert domains.only() == "example.com"
    assert not domains.loaded


def test_rows_and_attributes_are_read(database: Database, domains: ServedDomains) -> None:
    sql(
        database,
        "insert into domain (domain, did, digest_realm) values ('First.org', 'a', null),"
        " ('second.org', 'a', null), ('third.org', null, 'Given'), ('', null, null)",
    )
    sql(database, "insert into domain_attrs (did, name, value) values ('a', 'digest_realm', 'Realm of A')")
    domains.load()
    assert {host: domain.realm for host, domain in domains.by_host.items()} == {
        "example.com": "example.com",
        "192.0.2.1": "example.com",
        "first.org": "Realm of A",
        "second.org": "Realm of A",
        "third.org": "Given",
    }
    assert domains.only() is None
    assert domains.canonical("second.org") == "first.org"
    assert domains.canonical("elsewhere.org") == "elsewhere.org"
    assert domains.hosts("elsewhere.org") == ("elsewhere.org",)


def test_the_change_log_makes_it_read_again_and_tell(database: Database, domains: ServedDomains) -> None:
    told: list[list[str]] = []
    completes: list[bool] = []

    def watcher(by_host: Mapping[str, ServedDomain], complete: bool) -> None:
        told.append(list(by_host))
        completes.append(complete)

    domains.watch(watcher)
    domains.load()
    assert completes == [False, True]
    sql(database, "insert into domain (domain, did) values ('new.org', 'example.com')")
    domains.follow([Change("subscriber", "10", "new.org")])
    assert told[-1] == ["example.com", "192.0.2.1"]
    domains.follow([Change("domain", "", "new.org")])
    assert told[-1] == ["example.com", "192.0.2.1", "new.org"]
    sql(database, "insert into domain_attrs (did, name, value) values ('example.com', 'digest_realm', 'R')")
    domains.follow([Change("domain_attrs", "", "example.com")])
    assert domains.by_host["new.org"].realm == "R"
    sql(database, "delete from domain")
    before = len(told)
    domains.follow([])
    assert len(told) == before
    domains.forget_all()
    domains.follow([])
    assert told[-1] == ["example.com", "192.0.2.1"]


def test_those_of_the_settings_may_be_others_at_the_next_reading(domains: ServedDomains) -> None:
    domains.load()
    domains.name([NamedDomain("example.com"), NamedDomain("new.org")])
    assert "new.org" not in domains.by_host
    domains.load()
    assert list(domains.by_host) == ["example.com", "new.org"]


def test_a_change_that_could_not_be_read_is_read_later(database: Database, domains: ServedDomains) -> None:
    domains.load()
    sql(database, "insert into domain (domain) values ('new.org')")
    sql(database, "alter table domain_attrs rename to elsewhere")
    with pytest.raises(StorageError):
        domains.follow([Change("domain", "", "new.org")])
    assert domains.canonical("192.0.2.1") == "example.com"  # what was known stays
    sql(database, "alter table elsewhere rename to domain_attrs")
    domains.follow([])
    assert "new.org" in domains.by_host


def test_the_triggers_tell_of_both_tables(database: Database) -> None:
    sql(database, "insert into domain (domain, did) values ('new.org', 'n')")
    sql(database, "insert into domain_attrs (did, name, value) values ('n', 'digest_realm', 'R')")
    sql(database, "update domain_attrs set did = 'm'")
    assert sql(database, "select table_name, domain from change_log order by id") == [
        ("domain", "new.org"),
        ("domain_attrs", "n"),
        ("domain_attrs", "n"),
        ("domain_attrs", "m"),
    ]
