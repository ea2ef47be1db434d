from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.registrar.preferences import ATTRIBUTES, Preferences, gather_preferences
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import usr_preferences
from appliance.storage.user_rows import UserRows
from tests.unit.storage.made import OneDomain, sql


def rows_of(database: Database, *, case_sensitive: bool = True) -> UserRows[Preferences]:
    columns = usr_preferences.c
    return UserRows(
        database,
        usr_preferences,
        (columns.attribute, columns.value),
        gather_preferences,
        OneDomain(),
        chosen=columns.attribute.in_(ATTRIBUTES),
        case_sensitive=case_sensitive,
    )


@pytest.fixture
def rows(database: Database) -> UserRows[Preferences]:
    return rows_of(database)


def give(database: Database, username: str, domain: str, attribute: str, value: str) -> None:
    sql(
        database,
        "insert into usr_preferences (username, domain, attribute, value)"
        f" values ('{username}', '{domain}', '{attribute}', '{value}')",
    )


def of(rows: UserRows[Preferences], username: str, domain: str = "example.com") -> Preferences | None:
    return rows.of(AddressOfRecord(username, domain))


def changed(username: str, domain: str = "example.com", table: str = "usr_preferences") -> list[Change]:
    return [Change(table, username, domain)]


def test_a_users_rows_by_any_name_of_his_domain(database: Database, rows: UserRows[Preferences]) -> None:
    give(database, "10", "Example.com", "fwd_busy_target", "11")
    give(database, "10", "sip.example.com", "fwd_always_target", "12")
    give(database, "10", "", "fr_inv_timer", "15000")
    give(database, "11", "example.com", "language", "en")
    rows.load()
    assert of(rows, "10") == Preferences(always="12", busy="11", ring_seconds=15.0)
    assert of(rows, "11") is None
    assert of(rows, "10", "elsewhere.org") is None


def test_the_change_log_has_them_read_again(database: Database, rows: UserRows[Preferences]) -> None:
    rows.load()
    give(database, "10", "example.com", "fwd_busy_target", "11")
    give(database, "12", "example.com", "fwd_busy_target", "11")
    rows.follow(changed("10") + changed("12", table="subscriber"))
    assert (of(rows, "10"), of(rows, "12")) == (Preferences(busy="11"), None)
    # A row with another name of the domain does not hide the one that is there.
    give(database, "10", "sip.example.com", "fwd_always_target", "12")
    rows.follow(changed("10", "sip.example.com"))
    assert of(rows, "10") == Preferences(always="12", busy="11")
    sql(database, "delete from usr_preferences where username = '10'")
    rows.follow(changed("10"))
    assert of(rows, "10") is None


def test_names_may_be_spelled_in_any_case(database: Database) -> None:
    rows = rows_of(database, case_sensitive=False)
    rows.load()
    give(database, "Ada", "example.com", "fwd_busy_target", "11")
    rows.follow(changed("Ada"))
    assert of(rows, "ADA") == Preferences(busy="11")


def test_many_changes_are_read_at_once(database: Database, rows: UserRows[Preferences]) -> None:
    rows.load()
    give(database, "10", "example.com", "fwd_busy_target", "11")
    rows.follow([Change("usr_preferences", str(number), "example.com") for number in range(1000)])
    assert of(rows, "10") == Preferences(busy="11")


def test_what_fails_is_read_the_next_time(database: Database, rows: UserRows[Preferences]) -> None:
    rows.load()
    give(database, "10", "example.com", "fwd_busy_target", "11")
    sql(database, "alter table usr_preferences rename to away")
    with pytest.raises(StorageError):
        rows.follow(changed("10"))
    sql(database, "alter table away rename to usr_preferences")
    rows.follow([])
    assert of(rows, "10") == Preferences(busy="11")


def test_all_are_read_again_when_anything_may_have_changed(
    database: Database, rows: UserRows[Preferences]
) -> None:
    rows.load()
    give(database, "10", "example.com", "fwd_busy_target", "11")
    rows.forget_all()
    rows.follow([])
    assert of(rows, "10") == Preferences(busy="11")
