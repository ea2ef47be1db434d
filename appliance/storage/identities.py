"""Further names that a user may call and register under: the rows of ``uri``, resident.

OpenSER's ``check_from`` and ``check_to`` ask that table on each request; here it is asked only when the name
in the request is not that of the credentials. Must not know requests.
"""

from __future__ import annotations

from typing import Any

from appliance.sip.uri import AddressOfRecord
from appliance.storage.engine import Database
from appliance.storage.tables import uri
from appliance.storage.user_rows import DomainNames, UserRows


class Identities:
    """The table ``uri``, whose ``rows`` are to be loaded and to follow the change log."""

    def __init__(self, database: Database, domains: DomainNames, *, case_sensitive: bool = True) -> None:
        self._fold = not case_sensitive
        self.rows: UserRows[frozenset[str]] = UserRows(
            database, uri, (uri.c.uri_user,), self._names, domains, case_sensitive=case_sensitive
        )

    def has(self, who: AddressOfRecord, name: str) -> bool:
        """Whether ``who``, whose domain has its canonical name, may also be ``name`` there."""
        names = self.rows.of(who)
        return names is not None and self._folded(name) in names

    def _names(self, rows: list[tuple[Any, ...]]) -> frozenset[str]:
        return frozenset(self._folded(name) for (name,) in rows)

    def _folded(self, name: str) -> str:
        return name.lower() if self._fold else name
