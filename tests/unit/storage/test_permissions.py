from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.permissions import Permissions
from tests.unit.storage.made import OneDomain, sql


class Wanted:
    gateways = True

    def __call__(self) -> bool:
        return self.gateways


@pytest.fixture
def wanted() -> Wanted:
    return Wanted()


@pytest.fixture
def permissions(database: Database, wanted: Wanted) -> Permissions:
    return Permissions(database, wanted, OneDomain())


def groups(permissions: Permissions, username: str, domain: str = "example.com") -> list[str]:
    return sorted(permissions.groups(AddressOfRecord(username, domain)))


def give(database: Database, *rows: tuple[str, str, str]) -> None:
    values = ", ".join(f"('{username}', '{domain}', '{group}')" for username, domain, group in rows)
    sql(database, f"insert into grp (username, domain, grp) values {values}")


def prefer(database: Database, username: str, value: str, attribute: str = "asserted_id") -> None:
    sql(
        database,
        "insert into usr_preferences (username, domain, attribute, value)"
        f" values ('{username}', 'example.com', '{attribute}', '{value}')",
    )


def test_groups_and_identities(database: Database, permissions: Permissions) -> None:
    give(database, ("10", "Example.com", "local"), ("10", "example.com", "int"), ("11", "", "ld"))
    prefer(database, "10", "+4989")
    prefer(database, "10", "other", "language")
    permissions.load()
    assert groups(permissions, "10") == ["int", "local"]
    assert groups(permissions, "11") == ["ld"]  # a row without a domain is of the only one
    assert groups(permissions, "11", "elsewhere.org") == []
    assert groups(permissions, "12") == []
    assert permissions.identity(AddressOfRecord("10", "example.com")) == "+4989"
    assert permissions.identity(AddressOfRecord("11", "example.com")) == ""


def test_a_domain_has_several_names(database: Database, wanted: Wanted) -> None:
    permissions = Permissions(database, wanted, OneDomain())
    give(database, ("10", "sip.example.com", "local"), ("10", "example.com", "ld"))
    permissions.load()
    assert groups(permissions, "10") == ["ld", "local"]


def test_names_may_be_spelled_in_any_case(database: Database, wanted: Wanted) -> None:
    permissions = Permissions(database, wanted, OneDomain(), case_sensitive=False)
    permissions.load()
    give(database, ("Ada", "example.com", "local"), ("ada", "example.com", "ld"))
    permissions.follow([Change("grp", "Ada", "example.com")])
    assert groups(permissions, "ADA") == ["ld", "local"]


def test_the_change_log_has_them_read_again(database: Database, permissions: Permissions) -> None:
    permissions.load()
    give(database, ("10", "example.com", "local"), ("11", "example.com", "ld"))
    permissions.follow([Change("grp", "10", "example.com"), Change("subscriber", "11", "example.com")])
    assert (groups(permissions, "10"), groups(permissions, "11")) == (["local"], [])
    sql(database, "delete from grp where username = '10'")
    prefer(database, "10", "+4989")
    permissions.follow([Change("usr_preferences", "10", "example.com")])
    assert groups(permissions, "10") == ["local"]
    permissions.follow([Change("grp", "10", "example.com")])
    assert groups(permissions, "10") == []
    assert permissions.identity(AddressOfRecord("10", "example.com")) == "+4989"
    permissions.forget_all()
    permissions.follow([])
    assert groups(permissions, "11") == ["ld"]


def test_many_are_read_in_pages(database: Database, permissions: Permissions) -> None:
    give(database, *((str(number), "example.com", "local") for number in range(11_000)))
    permissions.load()
    assert all(groups(permissions, str(number)) == ["local"] for number in range(11_000))


def test_without_gateways_nothing_is_read_and_with_the_first_one_all(
    database: Database, permissions: Permissions, wanted: Wanted
) -> None:
    give(database, ("10", "example.com", "local"))
    wanted.gateways = False
    permissions.load()
    permissions.follow([Change("grp", "10", "example.com")])
    assert groups(permissions, "10") == []
    wanted.gateways = True
    permissions.follow([])
    assert groups(permissions, "10") == ["local"]
    wanted.gateways = False
    permissions.follow([])
    assert groups(permissions, "10") == []


def test_what_could_not_be_read_is_read_later(database: Database, permissions: Permissions) -> None:
    permissions.load()
    give(database, ("10", "example.com", "local"))
    sql(database, "alter table grp rename to elsewhere")
    with pytest.raises(StorageError):
        permissions.follow([Change("grp", "10", "example.com")])
    sql(database, "alter table elsewhere rename to grp")
    permissions.follow([])
    assert groups(permissions, "10") == ["local"]
