"""Whether a database is up to date, told without Alembic, which takes longer to load than all the rest.

The steps of a group are files whose names begin with the step (``core_0002_…``); a database keeps, in
Alembic's table, the last step of each of its groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import text

from appliance.errors import StorageError
from appliance.storage.engine import Database

_MIGRATIONS = Path(__file__).parent / "migrations"


def newest_step(group: str) -> str:
    """The last step that there is for ``group``; "" when there is no such group."""
    names = [file.name for file in (_MIGRATIONS / group).glob(f"{group}_*.py")]
    return "_".join(max(names, default="").split("_")[:2])


def is_known(step: str) -> bool:
    """Whether this version has ``step`` ("" is none at all); a later version's database has others."""
    return step <= newest_step(step.rpartition("_")[0])


def is_current(database: Database, groups: Iterable[str] = ("core", "phones")) -> bool:
    """Whether the tables of ``groups`` are there, and nothing is to be done. False when it cannot be told."""
    query = text("SELECT version_num FROM alembic_version")
    try:
        steps = database.run(lambda connection: set(connection.execute(query).scalars()), "status")
    except StorageError:
        return False
    at = {step.rpartition("_")[0]: step for step in steps}
    return all(at.get(group, "") >= newest_step(group) for group in groups)
