"""Whether a commit survives a power cut: asked, not hoped (the 200 OK to a REGISTER means durable)."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from appliance.errors import DatabaseRefused
from appliance.storage.engine import Database


def flush_settings(database: Database) -> dict[str, str]:
    """The settings on which durability rests, as the database itself reports them."""
    return database.run(_asked, "durability")


def _asked(connection: Connection) -> dict[str, str]:
    if connection.dialect.name == "sqlite":
        names = {"journal_mode": "journal_mode", "synchronous": "synchronous"}
        return {
            name: str(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar())
            for name, pragma in names.items()
        }
    rows = connection.exec_driver_sql(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
        " ('innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'sync_binlog', 'log_bin')"
    )
    return {name.lower(): value for name, value in rows}


def assert_durable(database: Database) -> dict[str, str]:
    """The settings, when a commit means that it is on the disk.

    Raises DatabaseRefused that says which setting is to be changed (MariaDB's
    innodb_flush_log_at_trx_commit=1; SQLite's write-ahead log with synchronous=FULL, which every connection
    of ours sets).
    """
    settings = flush_settings(database)
    wanted = (
        {"journal_mode": ("wal",), "synchronous": ("2", "3")}
        if database.dialect == "sqlite"
        else {"innodb_flush_log_at_trx_commit": ("1", "3")}
    )
    for name, values in wanted.items():
        if settings.get(name) not in values:
            raise DatabaseRefused(
                f"a registration that is answered would not survive a power cut:"
                f" {name} is {settings.get(name)}, set it to {values[0]}"
            )
    return settings
