"""What an administrator changes, seen by what the server reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import NamedDomain
from appliance.errors import DuplicateRow, RowRefused
from appliance.sip.uri import AddressOfRecord
from appliance.storage import schema
from appliance.storage.administration import domains, rows, subscribers
from appliance.storage.engine import Database
from appliance.storage.served_domains import ServedDomains
from appliance.storage.tables import dbaliases, grp

TEN = AddressOfRecord("10", "example.org")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    schema.create(url)
    database = Database(url)
    yield database
    database.close()


def test_passwords_are_hashed_for_the_realm_that_the_server_asks_for(database: Database) -> None:
    for name, did, realm in (
        ("alone.example", None, None),
        ("given.example", None, "the realm"),
        ("empty.example", "", ""),
        ("first.example", "one", None),
        ("second.example", "one", None),
        ("third.example", "two", None),
        ("fourth.example", "two", "said later"),
        ("fifth.example", "two", "said too late"),
    ):
        domains.add(database, name, did, realm)
    domains.set_attribute(database, "one", "digest_realm", "an attribute")
    named = [NamedDomain("settings.example", ("sip.settings.example",), {"digest_realm": "of the settings"})]
    served = ServedDomains(database, named)
    served.load()
    realms = {name: domain.realm for name, domain in served.by_host.items()}
    assert len(realms) == 10
    assert {name: domains.realm(database, name, named) for name in realms} == realms
    assert realms["second.example"] == "an attribute"
    assert domains.realm(database, "unknown.example") == "unknown.example"


def test_a_password_is_known_again(database: Database) -> None:
    assert subscribers.has_password(database, TEN, "x") is None
    subscribers.add(database, TEN, "x")
    assert subscribers.has_password(database, TEN, "x") is True
    assert subscribers.has_password(database, TEN, "y") is False
    assert subscribers.hashed_in(database, "EXAMPLE.org") == 1


def test_a_plain_password_as_the_tutorial_inserts_it_is_known_too(database: Database) -> None:
    insert = "INSERT INTO subscriber (username, domain, password) VALUES ('10', 'example.org', 'abc10')"
    database.run(lambda connection: connection.exec_driver_sql(insert))
    assert subscribers.has_password(database, TEN, "abc10") is True
    assert subscribers.has_password(database, TEN, "abc11") is False
    found = subscribers.find(database, TEN)
    assert found is not None
    assert found["login"] == "plain text"
    assert subscribers.hashed_in(database, "example.org") == 0


def test_a_refused_row_changes_nothing(database: Database) -> None:
    with pytest.raises(RowRefused):
        subscribers.add(database, TEN, "x" * 26, plaintext=True)
    assert subscribers.find(database, TEN) is None
    subscribers.add(database, TEN, "x")
    with pytest.raises(DuplicateRow, match=r"10@example\.org already"):
        subscribers.add(database, TEN, "y")
    assert subscribers.has_password(database, TEN, "x") is True


def test_nobody_to_change(database: Database) -> None:
    assert subscribers.set_password(database, TEN, "x") is False
    assert subscribers.remove(database, TEN) is False
    assert domains.remove(database, "example.org") is False


def test_another_users_rows_stay(database: Database) -> None:
    eleven = AddressOfRecord("11", "example.org")
    for who in (TEN, eleven):
        subscribers.add(database, who, "x")
        rows.add(database, grp, "taken", username=who.username, domain=who.domain, grp="ld")
    assert subscribers.remove(database, TEN) is True
    assert rows.every(database, grp, ("username",)) == [{"username": "11"}]


def test_a_duplicate_has_the_words_it_was_given(database: Database) -> None:
    said = {"alias_username": "a", "alias_domain": "b", "username": "10", "domain": "example.org"}
    rows.add(database, dbaliases, "never said", **said)
    with pytest.raises(DuplicateRow, match="taken already"):
        rows.add(database, dbaliases, "taken already", **said)
    assert rows.remove(database, dbaliases, alias_username="a") == 1
    assert rows.remove(database, dbaliases, alias_username="a") == 0
