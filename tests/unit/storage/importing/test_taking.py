"""The old rows in our database: compared, written, and compared again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.auth.digest import ha1
from appliance.config import NamedDomain
from appliance.sip.uri import AddressOfRecord
from appliance.storage import schema, tables
from appliance.storage.administration import domains, rows, subscribers
from appliance.storage.engine import Database
from appliance.storage.importing import Taking, take_phones
from appliance.storage.tables import dbaliases, grp, location
from tests.unit.storage.importing.old_rows import NOW, OldRows, alias, old, phone, subscriber

TEN = AddressOfRecord("10", "example.org")
ORG = "example.org"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    schema.create(url)
    database = Database(url)
    yield database
    database.close()


class Taken:
    """What an import has done, or with ``check`` would do."""

    def __init__(self, database: Database, there: OldRows, check: bool, options: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self.told: dict[str, tuple[int, int]] = {}
        usual: dict[str, Any] = {
            "named": (), "folded": False, "anything": False, "listeners": (), "now": NOW
        }  # fmt: skip
        taking = Taking(
            database,
            there,
            check=check,
            seal=lambda _who, _password: "",
            line=self.lines.append,
            tell=lambda what, done, whole: self.told.update({what: (done, whole)}),
            **(usual | options),
        )
        taking.take()
        self.phones = [binding for some in taking.phones() for binding in some]
        taking.close()
        self.added, self.changed, self.left, self.here = (
            taking.added, taking.changed, taking.left, taking.coming.here
        )  # fmt: skip


def taken(database: Database, there: OldRows, *, check: bool = False, **options: Any) -> Taken:
    return Taken(database, there, check, options)


def test_it_is_done_once(database: Database) -> None:
    there = old(
        domain=[{"domain": ORG, "did": "one"}, {"domain": "sip.example.org", "did": "one"}],
        domain_attrs=[{"did": "one", "name": "walled_garden", "value": "both"}],
        subscriber=[subscriber("10", ha1=ha1("10", ORG, "secret")), subscriber("11", password="clear")],
        dbaliases=[alias("reception", "10")],
        grp=[{"username": "10", "domain": ORG, "grp": "ld"}],
        location=[phone("sip:10@192.0.2.5")],
        address=[{"grp": 1, "ip_addr": "192.0.2.64", "mask": 28, "port": 0}],
    )
    shown = taken(database, there, check=True)
    assert shown.lines == [
        "+ domain example.org",
        "+ domain sip.example.org of example.org",
        "+ attribute walled_garden of domain one: both",
        "+ 10@example.org: password: given",
        "+ 11@example.org: password: given",
        "+ alias reception@example.org of 10@example.org",
        "+ permission ld of 10@example.org",
        "+ trusted 192.0.2.64/28 (group 1)",
        "+ phone sip:10@192.0.2.5 of 10@example.org",
    ]
    assert subscribers.every(database) == []
    done = taken(database, there)
    assert (done.lines, done.left.lines) == (shown.lines, [])
    assert done.told == {
        "subscriber": (2, 2), "dbaliases": (1, 1), "grp": (1, 1), "location": (1, 1)
    }  # fmt: skip
    take_phones(database, done.phones)
    assert subscribers.has_password(database, TEN, "secret")
    assert subscribers.has_password(database, AddressOfRecord("11", ORG), "clear")
    assert domains.gathered(database)["sip.example.org"].attributes == {"walled_garden": "both"}
    (row,) = rows.every(database, location, ("contact", "domain", "callid", "cseq"))
    assert row == {"contact": "sip:10@192.0.2.5", "domain": ORG, "callid": "a call", "cseq": 7}
    again = taken(database, there)
    assert (again.lines, again.changed, again.here) == ([], 0, 1)
    assert set(again.added.values()) == {0}


def test_what_was_made_here_stays(database: Database) -> None:
    domains.add(database, ORG)
    subscribers.add(database, TEN, "ours")
    rows.add(database, dbaliases, "", alias_username="desk", alias_domain=ORG, username="10", domain=ORG)
    rows.add(database, grp, "", username="10", domain=ORG, grp="int")
    there = old(
        subscriber=[subscriber("10", password="theirs"), subscriber("desk", password="x")],
        dbaliases=[alias("reception", "10"), alias("10", "10"), alias("lost", "nobody")],
    )
    done = taken(database, there)
    assert done.lines == [
        "~ 10@example.org: password: changed",
        "+ alias reception@example.org of 10@example.org",
    ]
    assert done.left.lines == [
        "subscriber desk@example.org: is an alias here; 'sipbox alias remove desk@example.org' takes it away",
        "alias 10@example.org: is a subscriber's own address",
        "alias lost@example.org: leads to nobody@example.org, who is no subscriber there",
    ]
    assert {row["alias_username"] for row in rows.every(database, dbaliases, ("alias_username",))} == {
        "desk",
        "reception",
    }
    assert rows.every(database, grp, ("grp",)) == [{"grp": "int"}]
    # No file of subscribers has become its owner.
    assert subscribers.has_password(database, TEN, "theirs")


def test_hashes_of_every_algorithm_come_along(database: Database) -> None:
    sha = ha1("10", ORG, "secret", "SHA-256")
    there = old(
        "OpenSIPS", subscriber=[subscriber("10", ha1=ha1("10", ORG, "secret"), ha1_sha256=sha, password="no")]
    )
    taken(database, there)
    (row,) = rows.every(
        database, tables.subscriber, ("ha1", "ha1_sha256", "ha1_sha512_256", "password", "managed_by")
    )
    assert row == {
        "ha1": ha1("10", ORG, "secret"),
        "ha1_sha256": sha,
        "ha1_sha512_256": "",
        "password": "",
        "managed_by": "",
    }
    assert taken(database, there).lines == []


def test_what_cannot_come_is_said_and_the_rest_comes(database: Database) -> None:
    named = [NamedDomain(ORG, ("sip.example.org",), {})]
    there = old(
        domain=[{"domain": "bad host", "did": None}, {"domain": "more.example", "attrs": "x=1"}],
        subscriber=[
            subscriber("10"),
            subscriber("with blank"),
            subscriber("12", "sip.example.org", ha1="0" * 32),
            subscriber("13", password="a\nb", email_address="none", first_name="x" * 26),
        ],
        grp=[
            {"username": "10", "domain": ORG, "grp": "gold"},
            {"username": "99", "domain": ORG, "grp": "ld"},
        ],
    )
    done = taken(database, there, named=named)
    assert done.added["subscribers"] == 3
    assert done.left.lines == [
        "domain 'bad host': is neither a name of a host nor an address",
        "attrs of domain more.example: sipbox has no such; see 'sipbox domain attribute'",
        "password of 10@example.org: there is none; 'sipbox subscriber passwd' sets one",
        "subscriber with blank@example.org: the name cannot be a user's and a domain's in a SIP URI",
        (
            "password of 12@example.org: was hashed for sip.example.org, and the realm is example.org here;"
            " set it again"
        ),
        "password of 13@example.org: has more than 128 characters, or some not printable",
        "password of 13@example.org: there is none; 'sipbox subscriber passwd' sets one",
        "first_name of 13@example.org: has at most 25 printable characters",
        "email_address of 13@example.org: is no E-Mail address",
        "permission gold: is none of local, ld, int, voicemail, free-pstn; --any takes it",
        "permission ld of 99@example.org: there is no such subscriber",
    ]
    assert taken(database, there, named=named, anything=True).lines == ["+ permission gold of 10@example.org"]


def test_names_that_differ_in_case_alone_are_one_where_the_settings_say_so(database: Database) -> None:
    there = old(subscriber=[subscriber("Ann", password="a"), subscriber("ann", password="b")])
    assert taken(database, there, check=True).added["subscribers"] == 2
    done = taken(database, there, folded=True)
    assert done.left.lines == ["subscriber ann@example.org: is Ann@example.org here, who came before"]


def test_a_phone_without_a_domain_is_the_only_ones_of_its_name(database: Database) -> None:
    there = old(
        subscriber=[subscriber("10"), subscriber("11"), subscriber("11", "example.net")],
        location=[phone("sip:10@192.0.2.5"), phone("sip:11@192.0.2.6", "11")],
    )
    done = taken(database, there, check=True)
    assert [str(each.aor) for each in done.phones] == ["10@example.org"]
    assert done.left.lines[-1] == "phone sip:11@192.0.2.6 of 11: no subscriber is 11@(any domain)"


def test_a_subscriber_without_a_domain_is_the_only_domains(database: Database) -> None:
    """OpenSER's tutorial leaves it empty."""
    there = old("OpenSER", subscriber=[subscriber("10", "", password="p")])
    done = taken(database, there, named=[NamedDomain(ORG, (), {})])
    assert done.lines == ["+ 10@example.org: password: given"]


def test_a_row_that_is_newer_here_stays(database: Database) -> None:
    there = old(subscriber=[subscriber("10")], location=[phone("sip:10@192.0.2.5", cseq=7)])
    older = taken(database, there).phones
    there.tables["location"][0].update(cseq=8, last_modified=NOW - 10)
    take_phones(database, taken(database, there).phones)
    take_phones(database, older)
    assert rows.every(database, location, ("cseq",)) == [{"cseq": 8}]


def test_more_rows_than_are_held_at_once(database: Database) -> None:
    names = [f"{number}" for number in range(1201)]
    there = old(
        subscriber=[subscriber(name, ha1="0" * 32) for name in names] + [subscriber("7", ha1="1" * 32)],
        dbaliases=[alias(f"x{name}", name) for name in names] + [alias("x7", "8")],
        grp=[{"username": name, "domain": ORG, "grp": "ld"} for name in [*names, "7"]],
        location=[phone(f"sip:{name}@192.0.2.5", name) for name in names],
    )
    done = taken(database, there)
    assert done.told["subscriber"] == (1202, 1202)
    assert {count for what, count in done.added.items() if what not in ("domains", "trusted")} == {1201}
    assert done.left.lines == [
        "subscriber 7@example.org: is 7@example.org here, who came before",
        "alias x7@example.org: leads to 7@example.org too",
    ]
    assert len(subscribers.every(database)) == 1201
    take_phones(database, done.phones)
    again = taken(database, there)
    assert (set(again.added.values()), again.here) == ({0}, 1201)


def test_of_very_many_that_cannot_come_some_are_named(database: Database) -> None:
    done = taken(database, old(subscriber=[subscriber(f"a b{number}") for number in range(1005)]), check=True)
    assert done.left.count == 1005
    assert len(done.left.lines) == 1001
    assert done.left.lines[-1] == "5 more subscribers are left, not named here"
