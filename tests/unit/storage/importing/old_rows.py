"""Rows as ``old_database`` reads them, with the columns that a test does not care for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NOW = 1_700_000_000.0


class OldRows:
    """An old database that is a table of lists."""

    def __init__(self, kind: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        self.kind = kind
        self.tables = rows

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        yield from self.tables.get(table, ())

    def count(self, table: str) -> int:
        return len(self.tables.get(table, ()))

    def domains(self) -> list[object]:
        return sorted({row["domain"] for row in self.rows("subscriber")})


def old(kind: str = "Kamailio", **rows: list[dict[str, Any]]) -> OldRows:
    return OldRows(kind, rows)


def subscriber(username: str, domain: str = "example.org", **values: str) -> dict[str, Any]:
    return {"username": username, "domain": domain, "password": "", "ha1": "", **values}


def alias(name: str, username: str, domain: str = "example.org") -> dict[str, Any]:
    return {"alias_username": name, "alias_domain": domain, "username": username, "domain": domain}


def phone(contact: str, username: str = "10", **values: Any) -> dict[str, Any]:
    return {
        "username": username,
        "domain": None,
        "contact": contact,
        "received": None,
        "path": None,
        "expires": NOW + 600,
        "q": -1.0,
        "callid": "a call",
        "cseq": 7,
        "last_modified": NOW - 60,
        "user_agent": "A phone",
        "socket": "udp:192.0.2.1:5060",
        "methods": 5951,
        "instance": None,
        "reg_id": 0,
        **values,
    }
