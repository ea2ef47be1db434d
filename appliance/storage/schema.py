"""The database as a whole: made, removed, brought up to date, looked at.

``sipbox database create | drop | upgrade | status`` are these functions. All of them can be run again: what
is there already stays. No account of a subscriber is ever made here. Must not know what the rows mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Select, func, inspect, select
from sqlalchemy.engine import URL, Connection, make_url

from appliance.errors import DatabaseRefused, SipboxError, StorageError
from appliance.storage import tables
from appliance.storage.connecting import sqlite_file
from appliance.storage.durability import flush_settings
from appliance.storage.engine import Database
from appliance.storage.failures import meaning
from appliance.storage.heads import is_known
from appliance.storage.migrations.steps import mend
from appliance.storage.rights import let_members_in, make_agent, make_database, remove_database
from appliance.storage.turns import only_one

__all__ = ["GROUPS", "DatabaseStatus", "create", "drop", "present_groups", "status", "upgrade"]

GROUPS = tuple(tables.GROUPS)
#: Made whether somebody asks for them or not.
_ALWAYS = ("core", "phones")
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass
class DatabaseStatus:
    """What ``sipbox database status`` shows.

    ``groups`` maps each group that is there to its step; ``pending`` are the steps that ``upgrade`` would
    run, ``missing`` tables that should be there, ``rows`` how many rows the main tables have, ``settings``
    what the database says about flushing.
    """

    url: str
    reachable: bool
    problem: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether a server can work with it."""
        return self.reachable and bool(self.groups) and not self.pending and not self.missing


def create(
    url: str | URL,
    groups: Iterable[str] = ("core",),
    *,
    others: Sequence[str] = (),
    admin_url: str | URL | None = None,
    reader: str | None = None,
    reader_password: str | None = None,
) -> list[str]:
    """Make the database and the tables of ``groups`` (core and phones always); returns the steps run.

    With ``admin_url`` (MariaDB; the same server, an administrator's name) also the database itself and, with
    the rights it needs, the user whose name and password stand in ``url``; ``reader`` is a further user who
    may only read all but credentials; ``others`` are further members of the cluster, whose accounts are made
    too. Without, the user of ``url`` must have the right to make them.
    """
    url = make_url(url)
    chosen = _chosen(groups)
    if url.get_backend_name() == "sqlite":
        file = sqlite_file(url)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # it holds credentials
    else:
        make_database(url, make_url(admin_url) if admin_url else None, reader, reader_password)
        if admin_url:
            let_members_in(url, [make_url(other) for other in others], make_url(admin_url))
    done = _migrate(_as_admin(url, admin_url), chosen)
    _agent_too(url, admin_url)
    return done


def upgrade(url: str | URL, *, admin_url: str | URL | None = None, groups: Iterable[str] = ()) -> list[str]:
    """Bring all groups that are there, and those in ``groups``, up to date; returns the steps run."""
    own, url = make_url(url), _as_admin(make_url(url), admin_url)
    if url.get_backend_name() == "sqlite" and not sqlite_file(url).exists():
        raise DatabaseRefused(f"there is no database {sqlite_file(url)}: 'sipbox database create' makes it")
    database = Database(url)
    try:
        present = present_groups(database)
    finally:
        database.close()
    if not present:
        raise DatabaseRefused("there are no tables of sipbox: 'sipbox database create' makes them")
    done = _migrate(url, _chosen([*(group for group in present if group in GROUPS), *groups]))
    _agent_too(own, admin_url)
    return done


def _agent_too(url: URL, admin_url: str | URL | None) -> None:
    if admin_url and url.get_backend_name() != "sqlite":
        make_agent(url, make_url(admin_url))


def drop(url: str | URL, *, admin_url: str | URL | None = None) -> None:
    """Remove the database with all that is in it; nothing happens when there is none."""
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        file = sqlite_file(url)
        for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            name.unlink(missing_ok=True)
        return
    remove_database(url, make_url(admin_url) if admin_url else None)


def status(url: str | URL) -> DatabaseStatus:
    """Look at the database; one that is away or refuses is an answer too."""
    url = make_url(url)
    database = Database(url)
    found = DatabaseStatus(database.safe_url, reachable=False)
    try:
        if url.get_backend_name() == "sqlite" and not sqlite_file(url).exists():
            found.problem = f"there is no database {sqlite_file(url)}: 'sipbox database create' makes it"
            return found
        found.settings = flush_settings(database)
        found.reachable = True
        found.groups = present_groups(database)
        found.pending = _pending(found.groups)
        wanted = [table for group in found.groups if group in GROUPS for table in tables.tables_of(group)]
        there = set(database.run(lambda connection: inspect(connection).get_table_names(), "status"))
        found.missing = sorted(table.name for table in wanted if table.name not in there)
        for table in (
            tables.subscriber,
            tables.location,
            tables.served_domain,
            tables.aliases,
            tables.dbaliases,
        ):
            if table.name in there:
                count = select(func.count()).select_from(table)
                found.rows[table.name] = database.run(_scalar(count), "status")
        if not found.groups:
            found.problem = "there are no tables of sipbox: 'sipbox database create' makes them"
        elif found.pending or found.missing:
            found.problem = "'sipbox database upgrade' is needed"
    except StorageError as error:
        found.problem = str(error)
    finally:
        database.close()
    return found


def _scalar(query: Select[int]) -> Callable[[Connection], int]:
    return lambda connection: int(connection.execute(query).scalar_one())


# ------------------------------------------------------------------------------------------------ migrations


def _chosen(groups: Iterable[str]) -> list[str]:
    asked = set(groups) | set(_ALWAYS)
    unknown = sorted(asked - set(GROUPS))
    if unknown:
        raise DatabaseRefused(f"there is no group {unknown[0]!r}: the groups are {', '.join(GROUPS)}")
    return [group for group in GROUPS if group in asked]


def _as_admin(url: URL, admin_url: str | URL | None) -> URL:
    return make_url(admin_url).set(database=url.database) if admin_url else url


def _config() -> Config:
    config = Config()
    folders = [str(_MIGRATIONS / group) for group in GROUPS]
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(folders).replace("%", "%%"))
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def present_groups(database: Database) -> dict[str, str]:
    """Each group that is there, and the step it is at."""

    return database.run(_groups_at, "status")


def _groups_at(connection: Connection) -> dict[str, str]:
    heads = MigrationContext.configure(connection).get_current_heads()
    return {head.rpartition("_")[0]: head for head in sorted(heads)}


def _is_later(present: dict[str, str]) -> bool:
    """Whether a later version was here. Each release works with what the next one has added."""
    return not all(is_known(step) for step in present.values())


def _pending(present: dict[str, str]) -> list[str]:
    if _is_later(present):
        return []
    script = _script()
    pending: list[str] = []
    for group, step in present.items():
        steps = [revision.revision for revision in script.iterate_revisions(f"{group}@head", step)]
        pending += reversed(steps)
    for group in _ALWAYS if present else ():
        if group not in present:  # a database from before there was such a group
            steps = [revision.revision for revision in script.iterate_revisions(f"{group}@head", "base")]
            pending += [step for step in reversed(steps) if step.startswith(f"{group}_")]
    return pending


def _migrate(url: URL, groups: list[str]) -> list[str]:
    """Run what is pending in each group."""
    done: list[str] = []
    config = _config()
    config.attributes["on_step"] = lambda *, step, **_: done.append(step.up_revision_id)
    database = Database(url, query_timeout=3600)

    def migrate(connection: Connection) -> None:
        there = _groups_at(connection)
        connection.commit()
        if _is_later(there):
            missing = [group for group in groups if group not in there]
            if missing:
                raise DatabaseRefused(
                    "a later version of sipbox made this database:"
                    f" the group {missing[0]} is added by that one"
                )
            return  # this version works with its tables, and leaves them as they are
        for group in groups:
            if group in there:
                mend(connection, group)
                connection.commit()
            command.upgrade(config, f"{group}@head")
            # A group with nothing to do has only read: the next must not find that open.
            connection.commit()

    def run() -> None:
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            # Two administrators at once: the second waits, and finds nothing left to do.
            with only_one(connection):
                migrate(connection)

    try:
        database.call(run, "upgrade")
    except Exception as error:
        known = error if isinstance(error, SipboxError) else meaning(error)
        if not isinstance(known, SipboxError):
            raise
        so_far = f"the steps up to {done[-1]} are in place" if done else "nothing was changed"
        raise type(known)(
            f"{known}. {so_far[0].upper()}{so_far[1:]}, the database is usable as it was;"
            " mend the cause and run 'sipbox database upgrade' again"
        ) from error
    finally:
        database.close()
    return done
