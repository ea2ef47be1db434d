"""Accounting of one SIP process put together: its writer, its spool, and on one of the workers the cleaner.

Each worker has a spool of its own. Must not know what is accounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from appliance.config import Settings
from appliance.storage.accounting import AccountingWriter
from appliance.storage.accounting_cleaning import AccountingCleaner
from appliance.storage.accounting_mariadb import MariaAccounting
from appliance.storage.accounting_sqlite import SqliteAccounting
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.spool import Spool
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics


class CallRecords:
    """``ledger`` is what the proxy tells; ``worker`` is the number of this process."""

    def __init__(
        self, settings: Settings, database: Database, metrics: Metrics, journal: Journal, worker: int
    ) -> None:
        wanted, embedded = settings.accounting, settings.database.embedded
        self._channel = Channel(database)
        self.ledger = AccountingWriter(
            SqliteAccounting(database) if embedded else MariaAccounting(self._channel),
            lambda: database.available,
            None if embedded else Spool(Path(settings.sip.state_dir) / spool_name(worker)),
            say=journal.say,
            capacity=wanted.queue,
            gather_seconds=wanted.gather_ms / 1000,
        )
        self._cleaner: AccountingCleaner | None = None
        if wanted.retention_days and worker == 1:
            self._cleaner = AccountingCleaner(database, wanted.retention_days, journal.say)
        database.on_change.append(self._database_changed)
        metrics.source("accounting_requests", lambda: self.ledger.counts)
        metrics.source("accounting_waiting", self._waiting)

    def start(self) -> None:
        """Begin to write. Raises StorageError when the spool cannot be opened."""
        self.ledger.start()
        if self._cleaner is not None:
            self._cleaner.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        if self._cleaner is not None:
            self._cleaner.stop()
        self.ledger.stop()
        self._channel.close()

    def _waiting(self) -> Mapping[str, float]:
        return {"memory": self.ledger.waiting, "disk": self.ledger.spooled}

    def _database_changed(self, available: bool) -> None:
        if available:
            self.ledger.wake()


def spool_name(worker: int) -> str:
    """The file in the state directory."""
    return "accounting.db" if worker == 1 else f"accounting-{worker}.db"
