from __future__ import annotations

import pytest

from appliance.registrar.offline import OfflineMessage
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.silo import Silo
from tests.unit.storage.made import OneDomain, sql

TEN, ELEVEN = (AddressOfRecord(user, "example.com") for user in ("10", "11"))


@pytest.fixture
def silo(database: Database) -> Silo:
    silo = Silo(database, OneDomain())
    silo.rows.load()
    return silo


def message(body: bytes, came: int = 1000, expires: int = 2000) -> OfflineMessage:
    return OfflineMessage("sip:10@example.com", "sip:11@example.com", "text/plain", body, came, expires)


def claimed(silo: Silo, now: int = 1100, aor: AddressOfRecord = ELEVEN) -> OfflineMessage:
    found = silo.claim(aor, now)
    assert found is not None
    return found


def test_messages_come_in_their_order_and_go_when_they_are_delivered(silo: Silo) -> None:
    assert not silo.waits_for(ELEVEN)
    for body in (b"one", b"t\x00o"):
        assert silo.keep(ELEVEN, message(body), 5)
    assert silo.waits_for(ELEVEN)
    assert not silo.waits_for(TEN)
    first = claimed(silo)
    assert first._replace(number=0) == message(b"one")
    silo.delivered(ELEVEN, first.number)
    second = claimed(silo)
    assert second.body == b"t\x00o"
    silo.delivered(ELEVEN, second.number)
    assert silo.claim(ELEVEN, 1100) is None
    assert not silo.waits_for(ELEVEN)


def test_nobody_else_sends_what_is_claimed(silo: Silo) -> None:
    silo.keep(ELEVEN, message(b"one"), 5)
    first = claimed(silo, 1100)
    assert silo.claim(ELEVEN, 1110) is None
    silo.released(first.number)
    assert claimed(silo, 1120) == first
    # Whoever has claimed it has gone.
    assert silo.claim(ELEVEN, 1130) is None
    assert claimed(silo, 1181) == first


def test_one_may_be_passed_over(silo: Silo) -> None:
    for body in (b"one", b"two"):
        silo.keep(ELEVEN, message(body), 5)
    first = claimed(silo)
    second = silo.claim(ELEVEN, 1100, first.number)
    assert second is not None
    assert second.body == b"two"
    assert silo.claim(ELEVEN, 1100, second.number) is None


def test_only_so_many_are_kept_and_old_ones_make_room(silo: Silo) -> None:
    assert [silo.keep(ELEVEN, message(b"x"), 2) for _ in range(3)] == [True, True, False]
    assert silo.keep(TEN, message(b"x"), 2)
    assert silo.keep(ELEVEN, message(b"y", came=2000, expires=3000), 2)
    assert claimed(silo, 2001).body == b"y"


def test_what_has_expired_is_never_sent(silo: Silo) -> None:
    silo.keep(ELEVEN, message(b"x"), 2)
    assert silo.claim(ELEVEN, 2000) is None
    assert not silo.waits_for(ELEVEN)


def test_what_another_worker_has_kept_is_known_by_the_change_log(database: Database, silo: Silo) -> None:
    sql(
        database,
        "insert into silo (username, domain, src_addr, dst_addr, inc_time, exp_time, body)"
        " values ('11', 'example.com', 'sip:a@b', 'sip:c@d', 1, 2000, x'41')",
    )
    (entry,) = sql(database, "select table_name, username, domain from change_log where table_name = 'silo'")
    silo.rows.follow([Change(*entry)])
    assert silo.waits_for(ELEVEN)
    assert claimed(silo).content_type == "text/plain"


def test_rows_by_another_name_of_the_domain_or_none_are_sent_too(database: Database, silo: Silo) -> None:
    for number, domain in enumerate(("sip.example.com", "", "elsewhere.example")):
        sql(
            database,
            "insert into silo (username, domain, src_addr, dst_addr, inc_time, exp_time, body)"
            f" values ('11', '{domain}', 'sip:a@b', 'sip:c@d', {number}, 2000, x'41')",
        )
    silo.rows.load()
    assert [claimed(silo).came, silo.claim(ELEVEN, 1100)] == [0, None]
    silo.delivered(ELEVEN, 1)
    assert claimed(silo).came == 1
    silo.delivered(ELEVEN, 2)
    assert not silo.waits_for(ELEVEN)


def test_in_any_case_of_letters_he_is_one_user(database: Database) -> None:
    silo = Silo(database, OneDomain(), case_sensitive=False)
    silo.rows.load()
    sql(
        database,
        "insert into silo (username, domain, src_addr, dst_addr, inc_time, exp_time, body)"
        " values ('Bob', 'example.com', 'sip:a@b', 'sip:c@d', 1, 2000, x'41')",
    )
    silo.rows.load()
    bob = AddressOfRecord("bob", "example.com")
    assert silo.waits_for(bob)
    assert claimed(silo, aor=bob).body == b"A"


def test_old_messages_for_those_who_never_come_go_too(database: Database, silo: Silo) -> None:
    silo.keep(TEN, message(b"x"), 2)
    silo.keep(ELEVEN, message(b"y", came=1500, expires=3000), 2)
    silo.keep(ELEVEN, message(b"z", came=2100, expires=3000), 2)
    assert sql(database, "select distinct username from silo") == [("11",)]
