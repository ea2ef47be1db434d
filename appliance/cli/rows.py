"""The rows of one table, as the verbs of a noun add, remove and show them.

What has changed counts at once: the running server is told whose rows it has to read again. SQLAlchemy is
loaded when a verb runs, not when the help is shown. Must not know what a row means.
"""

from __future__ import annotations

from typing import Any

from appliance.cli.invocation import Invocation
from appliance.errors import StorageError

#: Whose rows those of a table are that belongs to nobody alone.
EVERYBODY = ("", "")


class Rows:
    """The rows of the table with this name."""

    def __init__(self, run: Invocation, table: str) -> None:
        from appliance.storage import tables

        self._run = run
        self._table = getattr(tables, table)

    def add(self, whose: tuple[str, str], taken: str, /, **values: Any) -> None:
        """One more, of ``whose`` (user name, domain). Raises DuplicateRow, with ``taken`` as its words."""
        from appliance.storage.administration import rows

        with self._run.database() as database:
            rows.add(database, self._table, taken, **values)
        self._run.forget(self._table.name, whose)

    def replace(self, whose: tuple[str, str], which: dict[str, Any], /, **values: Any) -> None:
        """In the place of the rows that have the values of ``which`` one that has ``values`` too."""
        from appliance.storage.administration import rows

        with self._run.database() as database:
            rows.remove(database, self._table, **which)
            rows.add(database, self._table, "it has just been added by somebody else", **which, **values)
        self._run.forget(self._table.name, whose)

    def remove(self, whose: tuple[str, str], missing: str, /, *which: dict[str, Any]) -> int:
        """Takes away all that have the values of one of ``which``; how many. Raises StorageError, with
        ``missing`` as its words, when there are none."""
        from appliance.storage.administration import rows

        with self._run.database() as database:
            count = sum(rows.remove(database, self._table, **values) for values in which)
        if not count:
            raise StorageError(missing)
        self._run.forget(self._table.name, whose)
        return count

    def every(self, columns: tuple[str, ...], /, **which: Any) -> list[dict[str, Any]]:
        """These columns of all rows with these values (None: any)."""
        from appliance.storage.administration import rows

        with self._run.database() as database:
            return rows.every(database, self._table, columns, **which)

    def of(self, who: tuple[str, str] | None, columns: tuple[str, ...]) -> list[dict[str, Any]]:
        """These columns of the rows of a user; None: of all users."""
        username, domain = who or (None, None)
        return self.every(columns, username=username, domain=domain)
