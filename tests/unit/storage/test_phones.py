"""What the agent reads and writes about phones, on SQLite."""

from __future__ import annotations

import re

import pytest

from appliance.storage import phones as stored_phones
from appliance.storage.administration import phones
from appliance.storage.administration.phones import Wanted
from appliance.storage.engine import Database
from appliance.storage.phones import PhoneRows, StoredLine, new_token
from tests.unit.storage.made import sql

MAC = "001565123456"
LINE = StoredLine(1, "10", "example.org", "10", "Ada", "10", "", "sealed")


@pytest.fixture
def rows(database: Database) -> PhoneRows:
    wanted = Wanted(MAC, "yealink", "t46s", True, {"language": "de"}, (LINE,))
    database.run(lambda connection: phones.put(connection, wanted, None))
    return PhoneRows(database)


def test_a_token_is_long_and_may_stand_in_a_path() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{27}", token) for token in tokens)  # 160 bits


def test_a_phone_is_found_by_its_token_and_by_its_mac(rows: PhoneRows) -> None:
    found = rows.by_mac(MAC)
    assert found is not None
    assert (found.options, found.lines, found.enabled) == ({"language": "de"}, (LINE,), True)
    assert rows.by_token(found.token) == found
    assert rows.by_token(found.token[:-1]) is None
    assert rows.by_token("") is None
    assert rows.by_token("é") is None
    assert rows.by_mac("001565999999") is None


def test_that_it_asked_is_written_down(database: Database, rows: PhoneRows) -> None:
    rows.asked(MAC, "192.0.2.7", "Yealink" * 100)
    rows.asked(MAC, "192.0.2.8", "Yealink", 1)
    found = rows.by_mac(MAC)
    assert found is not None
    assert (found.last_address, found.user_agent, found.served) == ("192.0.2.8", "Yealink", 1)
    assert found.first_seen is not None
    assert found.last_seen is not None
    rows.asked(MAC, "192.0.2.8", "Yealink")
    assert sql(database, "select served from phone") == [(1,)]


def test_strangers_are_counted(database: Database, rows: PhoneRows) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        rows.unknown("001565999999", "yealink", "http", address, "Yealink")
    (found,) = phones.strangers(database)
    assert (found["mac"], found["times"], found["address"]) == ("001565999999", 2, "192.0.2.2")


def test_strangers_are_few(database: Database, rows: PhoneRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_phones, "SEEN_AT_MOST", 3)
    for number in range(10):
        rows.unknown(f"00156500000{number}", "yealink", "http", "192.0.2.1", "")
    macs = {each["mac"] for each in phones.strangers(database)}
    assert macs == {"001565000007", "001565000008", "001565000009"}


def test_who_is_added_is_no_stranger_any_more(database: Database, rows: PhoneRows) -> None:
    rows.unknown("001565999999", "yealink", "http", "192.0.2.1", "")
    wanted = Wanted("001565999999", "yealink", "t46s", True, {}, ())
    database.run(lambda connection: phones.put(connection, wanted, None))
    assert phones.strangers(database) == []
    assert sql(database, "select * from phone_seen") == []


def test_a_renewed_token_leaves_the_old_url_dead(database: Database, rows: PhoneRows) -> None:
    before = rows.by_mac(MAC)
    assert before is not None
    token = phones.renew_token(database, MAC)
    assert token is not None
    assert rows.by_token(before.token) is None
    assert rows.by_token(token) is not None
    assert phones.renew_token(database, "001565999999") is None


def test_enabled_and_disabled(database: Database, rows: PhoneRows) -> None:
    assert phones.set_enabled(database, MAC, False)
    found = rows.by_mac(MAC)
    assert found is not None
    assert not found.enabled
    assert not phones.set_enabled(database, "001565999999", True)
