"""Phones as a file wants them, on SQLite: what is made, changed, sealed and refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from appliance.auth.digest import ha1
from appliance.provisioning.vault import Vault
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration import phone_apply, phones, subscribers
from appliance.storage.administration.phone_plan import (
    PhoneNotPlanned,
    PhonePlan,
    WantedLine,
    WantedPhone,
)
from appliance.storage.engine import Database
from tests.unit.storage.made import sql

VAULT = Vault([bytes(range(32))])
TEN, ELEVEN = AddressOfRecord("10", "example.org"), AddressOfRecord("11", "example.org")
Apply = Callable[..., PhonePlan]


def line(who: AddressOfRecord = TEN, number: int = 1, password: str | None = None) -> WantedLine:
    return WantedLine(number, who, who.username, "Reception", who.username, "", password)


def phone(mac: str = "001565123456", *lines: WantedLine) -> WantedPhone:
    return WantedPhone(mac, f"phones.yml:{mac[-1]}", "yealink", "t46s", True, {}, lines or (line(),))


@pytest.fixture
def apply(database: Database) -> Apply:
    def apply(*wanted: WantedPhone, vault: Vault = VAULT, **options: bool) -> PhonePlan:
        return phone_apply.apply(database, wanted, vault, **options)

    return apply


def password(database: Database, who: AddressOfRecord = TEN) -> str:
    """What the phone is told, which has to be what the subscriber's row fits."""
    found = {
        VAULT.open(each.secret, each.owner)
        for stored in phones.every(database)
        for each in stored.lines
        if each.owner == str(who)
    }
    (only,) = found
    assert subscribers.has_password(database, who, only)
    return only


def test_a_subscriber_who_is_not_there_is_made_with_a_password(database: Database, apply: Apply) -> None:
    done = apply(phone())
    assert (done.added, done.changed, done.removed) == (["001565123456"], [], [])
    assert list(done.new_subscribers) == [TEN]
    told = password(database)
    assert len(told) >= 20
    assert told not in str(sql(database, "select * from subscriber")) + str(done.lines)


def test_the_second_time_nothing_changes(database: Database, apply: Apply) -> None:
    wanted = [phone(), phone("000b82123457", line(password="given"), line(ELEVEN, 2))]
    apply(*wanted)
    before = sql(database, "select * from phone") + sql(database, "select * from phone_line")
    again = apply(*wanted)
    assert (again.changes, again.lines) == (False, [])
    assert sql(database, "select * from phone") + sql(database, "select * from phone_line") == before


def test_a_check_says_the_same_and_writes_nothing(database: Database, apply: Apply) -> None:
    said = apply(phone(), check=True)
    assert said.lines == ["+ subscriber 10@example.org: password generated",
                          "+ 001565123456 t46s: line 1: 10@example.org"]  # fmt: skip
    assert sql(database, "select * from phone") == []
    assert sql(database, "select * from subscriber") == []
    assert apply(phone()).lines == said.lines


def test_one_user_on_two_phones_has_one_password(database: Database, apply: Apply) -> None:
    apply(phone())
    first = password(database)
    apply(phone("000b82123457"))
    assert password(database) == first


def test_a_given_password_holds_for_the_subscriber_too(database: Database, apply: Apply) -> None:
    apply(phone(), phone("000b82123457"))
    done = apply(phone("001565123456", line(password="given")))
    assert list(done.new_passwords) == [TEN]
    assert password(database) == "given"  # also on the phone that the file does not name
    serials = dict(sql(database, "select mac, serial from phone"))
    assert serials == {"001565123456": 2, "000b82123457": 2}


def test_nobodys_password_is_taken_from_him(database: Database, apply: Apply) -> None:
    subscribers.add(database, TEN, "his own")
    with pytest.raises(
        PhoneNotPlanned, match=r"^phones\.yml:6: the password of 10@example\.org is not known"
    ):
        apply(phone(), phone("000b82123457", line(ELEVEN)))
    assert sql(database, "select * from phone") == []
    done = apply(phone(), new_passwords=True)
    assert list(done.new_passwords) == [TEN]
    assert password(database) != "his own"


def test_a_password_that_was_changed_since_is_not_told_any_more(database: Database, apply: Apply) -> None:
    apply(phone())
    subscribers.set_password(database, TEN, "another")
    with pytest.raises(PhoneNotPlanned, match="is not known here"):
        apply(phone())
    apply(phone("001565123456", line(password="another")))
    assert password(database) == "another"


def test_who_has_no_password_yet_gets_one(database: Database, apply: Apply) -> None:
    sql(
        database,
        "insert into subscriber (username, domain, managed_by) values ('10', 'example.org', 'apply')",
    )
    done = apply(phone())
    assert done.lines[0] == "~ subscriber 10@example.org: password generated"
    assert len(password(database)) >= 20
    assert not apply(phone()).changes


def test_the_plain_text_of_the_tutorial_is_good_enough(database: Database, apply: Apply) -> None:
    sql(database, "insert into subscriber (username, domain, password) values ('10', 'example.org', 'abc10')")
    apply(phone())
    assert password(database) == "abc10"


def test_the_realm_is_the_domains(database: Database, apply: Apply) -> None:
    sql(database, "insert into domain (domain, digest_realm) values ('example.org', 'realm')")
    apply(phone("001565123456", line(password="given")))
    assert sql(database, "select ha1 from subscriber") == [(ha1("10", "realm", "given"),)]


def test_what_the_phone_has_to_hear_of_raises_its_serial(database: Database, apply: Apply) -> None:
    apply(phone())
    token = sql(database, "select token from phone")
    done = apply(replace(phone(), model="t48s", options={"language": "de"}, enabled=False))
    assert done.lines == ["~ 001565123456 t48s: model: 't46s' -> 't48s'; disabled; language: None -> 'de'"]
    assert sql(database, "select serial, enabled, token from phone") == [(2, 0, *token[0])]


def test_the_phones_own_password_is_sealed(database: Database, apply: Apply) -> None:
    wanted = replace(phone(), options={"admin_password": "geheim"})
    done = apply(wanted)
    assert "geheim" not in str(sql(database, "select * from phone")) + str(done)
    assert not apply(wanted).changes
    changed = apply(replace(wanted, options={"admin_password": "anders"}))
    assert changed.lines == ["~ 001565123456 t46s: admin_password: changed"]


def test_remove_takes_what_an_earlier_file_had(database: Database, apply: Apply) -> None:
    apply(phone(), phone("000b82123457"))
    phone_apply.apply(database, [phone("000413123458")], VAULT, mark="")
    assert apply(phone()).removed == []
    assert apply(phone(), remove=True).removed == ["000b82123457"]
    assert [each.mac for each in phones.every(database)] == ["000413123458", "001565123456"]
    gone = apply(WantedPhone("000413123458", "phones.yml:1", absent=True))
    assert gone.removed == ["000413123458"]
    assert sql(database, "select distinct mac from phone_line") == [("001565123456",)]


def test_two_passwords_for_one_user_are_refused(apply: Apply) -> None:
    with pytest.raises(PhoneNotPlanned, match="has two passwords"):
        apply(phone("001565123456", line(password="one")), phone("000b82123457", line(password="two")))


def test_a_new_key_seals_anew_and_the_old_one_is_not_needed_any_more(
    database: Database, apply: Apply
) -> None:
    apply(phone(), phone("000b82123457"))
    first = password(database)
    new = Vault([bytes(32), bytes(range(32))])
    apply(phone(), vault=new)
    only_new = Vault([bytes(32)])
    secrets = {each.secret for stored in phones.every(database) for each in stored.lines}
    assert {only_new.open(secret, str(TEN)) for secret in secrets} == {first}
    with pytest.raises(PhoneNotPlanned, match="another key"):
        apply(phone(), vault=Vault([bytes(31) + b"x"]))


def test_a_failure_leaves_nothing_half_done(database: Database, apply: Apply) -> None:
    sql(database, "create trigger refuse before insert on phone_line begin select raise(abort, 'no'); end")
    with pytest.raises(Exception, match="no"):
        apply(phone())
    for table in ("phone", "subscriber"):
        assert sql(database, f"select * from {table}") == []


def test_a_subscriber_who_is_gone_is_made_again_and_that_is_a_change(
    database: Database, apply: Apply
) -> None:
    apply(phone())
    before = password(database)
    subscribers.remove(database, TEN)
    again = apply(phone())
    assert (again.changes, again.added, again.changed) == (True, [], [])
    assert password(database) == before
