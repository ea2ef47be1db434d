"""What subscribers may call, and as whom: the groups of ``grp``, and the identity that a gateway is told.

Resident, because they are asked for with every call outside, and read only while there are gateways: nobody
else asks. The identity is the attribute ``asserted_id`` of ``usr_preferences``, where there is one; a
``subscriber``'s ``rpid`` comes with his credentials. Must not know what a group allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import grp, usr_preferences
from appliance.storage.user_rows import DomainNames, UserRows

IDENTITY = "asserted_id"
_NONE: frozenset[str] = frozenset()


class Permissions:
    """The groups and identities of a database; empty while ``wanted()`` is false."""

    def __init__(
        self,
        database: Database,
        wanted: Callable[[], bool],
        domains: DomainNames,
        *,
        case_sensitive: bool = True,
    ) -> None:
        self._wanted = wanted
        # Most users are in one of a few sets of groups.
        self._same: dict[frozenset[str], frozenset[str]] = {}
        self._groups: UserRows[frozenset[str]] = UserRows(
            database, grp, (grp.c.grp,), self._shared, domains, case_sensitive=case_sensitive
        )
        column = usr_preferences.c
        self._identities: UserRows[str] = UserRows(
            database,
            usr_preferences,
            (column.value,),
            _latest,
            domains,
            chosen=column.attribute == IDENTITY,
            case_sensitive=case_sensitive,
        )

    def groups(self, aor: AddressOfRecord) -> frozenset[str]:
        """The groups that a user is in."""
        return self._groups.of(aor) or _NONE

    def identity(self, aor: AddressOfRecord) -> str:
        """As whom a gateway sees him by his preferences; "" when they say nothing."""
        return self._identities.of(aor) or ""

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        for rows in (self._groups, self._identities):
            if self._wanted():
                rows.load()
            else:
                rows.clear()

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again what the change log names; what fails now is read the next time. Raises StorageError."""
        changes = list(changes)
        for rows in (self._groups, self._identities):
            if self._wanted():
                rows.follow(changes)
            else:
                rows.clear()

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self._groups.forget_all()
        self._identities.forget_all()

    def _shared(self, rows: list[tuple[Any, ...]]) -> frozenset[str]:
        groups = frozenset(group for (group,) in rows)
        return self._same.setdefault(groups, groups)


def _latest(rows: list[tuple[Any, ...]]) -> str:
    return str(rows[-1][0])
