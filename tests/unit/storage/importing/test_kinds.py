"""Whose database it is."""

from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.storage.importing.kinds import KAMAILIO, OPENSER, OPENSIPS, chosen, kind_of

PLAIN = {"subscriber": ["username", "domain", "password"], "version": ["table_name"]}


@pytest.mark.parametrize(
    ("location", "version", "expected"),
    [
        (["ruid", "connection_id"], 9, KAMAILIO),
        (["ruid", "connection_id"], 8, KAMAILIO),
        (["contact_id"], 1013, OPENSIPS),
        ([], 1012, OPENSIPS),
        (["id"], 1004, OPENSER),
    ],
)
def test_the_table_of_locations_tells(location: list[str], version: int, expected: str) -> None:
    assert kind_of({**PLAIN, "location": location}, {"location": version}) == expected


def test_without_locations_other_columns_tell() -> None:
    versions = {"subscriber": 7}
    assert kind_of({**PLAIN, "domain": ["domain", "did"]}, versions) == KAMAILIO
    assert kind_of({**PLAIN, "domain": ["domain", "attrs"]}, versions) == OPENSIPS
    assert kind_of({**PLAIN, "subscriber": ["username", "phplib_id"]}, versions) == OPENSER


def test_nobodys_and_our_own_are_refused() -> None:
    with pytest.raises(StorageError, match="none of Kamailio's"):
        kind_of({"customers": ["id"]}, {})
    with pytest.raises(StorageError, match="sipbox backup"):
        kind_of({**PLAIN, "change_log": ["id"], "domain": ["digest_realm"]}, {"subscriber": 6})


def test_columns_have_other_names_elsewhere() -> None:
    names = chosen("address", ["id", "grp", "ip", "mask", "port", "proto", "pattern"])
    assert names["ip_addr"] == "ip"
    with pytest.raises(StorageError, match="its table grp has no column grp"):
        chosen("grp", ["username", "domain"])
