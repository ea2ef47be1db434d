"""One database: its connections, whether it is there, and transactions that are tried again.

MariaDB is spoken to by PyMySQL, which waits in its own greenlet once the program is monkey-patched. SQLite
cannot wait so: all its calls run in one native thread, never in the loop.

While a ``Database`` is watched (``watch``), an outage costs its callers nothing: the first error marks it as
away, every further call is refused at once, and one greenlet tries with growing pauses until it is back. Of a
cluster, another member is asked first (``members``). Must not know what the rows mean.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import gevent
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import QueuePool

from appliance.errors import DatabaseRefused, DatabaseUnavailable, SipboxError, StorageError
from appliance.storage import connecting
from appliance.storage.failures import ShutOut, TryAgain, meaning
from appliance.storage.members import Members

T = TypeVar("T")

#: How often a transaction that lost a deadlock runs in all.
_TRIES = 6
#: Whoever meets a connection that had gone stale learns it at once; what took longer was a time-out.
_AT_ONCE = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

Observer = Callable[[str, str, float], None]


class Database:
    """A database by its SQLAlchemy URL; ``others`` are further members of the same cluster.

    ``available`` is what was last seen; ``last_error`` says why not. ``on_change`` callbacks are called with
    ``available`` whenever it changes, ``on_query`` (name, result, seconds) after every transaction, where
    result is ``ok``, ``unavailable``, ``refused`` or ``failed``; ``on_wait`` (seconds) when a transaction
    has its connection; ``on_refusal`` (words) when the database is there and says no.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        others: Sequence[str | URL] = (),
        pool_size: int = 4,
        connect_timeout: float = 5,
        query_timeout: float = 10,
    ) -> None:
        self.url = make_url(url)
        self.query_timeout = query_timeout
        self.available = True
        self.last_error: str | None = None
        self.on_change: list[Callable[[bool], None]] = []
        self.on_query: list[Observer] = []
        self.on_wait: Callable[[float], None] | None = None
        self.on_refusal: Callable[[str], None] | None = None
        self.counters: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}
        self._dialect = self.url.get_backend_name()
        self.members = Members(
            [self.url, *map(make_url, others)],
            pool_size=pool_size,
            connect_timeout=connect_timeout,
            query_timeout=query_timeout,
        )
        self._call = connecting.caller(self.url)
        self._watched = False
        self._prober: gevent.Greenlet[[], None] | None = None

    @property
    def dialect(self) -> str:
        """``mysql`` (MariaDB) or ``sqlite``."""
        return self._dialect

    @property
    def engine(self) -> Engine:
        """For what wants SQLAlchemy itself (migrations). With SQLite: only through ``call``."""
        return self.members.engine

    @property
    def safe_url(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    # ------------------------------------------------------------------------------------------------ running

    def run(self, work: Callable[[Connection], T], name: str = "other") -> T:
        """``work(connection)`` in one transaction, committed when it returns, rolled back when it raises.

        ``name`` is what metrics call it. ``work`` may run more than once (deadlock, a connection that had
        gone stale), so it has to be repeatable. Raises DatabaseUnavailable, DatabaseRefused, DuplicateRow,
        RowRefused.
        """
        return self.call(lambda: self._in_transaction(work), name)

    def call(self, work: Callable[[], T], name: str = "other") -> T:
        """``work()`` where the database may be touched, with errors translated, counted and tried again."""
        if self._watched and not self.available:
            self.counters[name, "unavailable"] += 1
            raise DatabaseUnavailable(self.last_error or "the database is away")
        began = time.perf_counter()
        try:
            value = self._persistently(work)
        except SipboxError as error:
            self._count(name, _result(error), began)
            if isinstance(error, (DatabaseUnavailable, ShutOut)):
                self._lost(error)
            elif isinstance(error, DatabaseRefused) and self.on_refusal is not None:
                self.on_refusal(str(error))
            raise
        except BaseException:
            self._count(name, "failed", began)
            raise
        self._count(name, "ok", began)
        if not self.available and not self._watched:
            self._seen(None)
        return value

    def _persistently(self, work: Callable[[], T]) -> T:
        """Run it until it was neither a deadlock's victim nor met a connection that had gone stale."""
        for attempt in range(1, _TRIES + 1):
            began, member = time.monotonic(), self.members.engine
            fault, value = self._call(lambda: _attempt(work))
            if fault is None:
                return cast("T", value)
            known = meaning(fault)
            if isinstance(known, TryAgain):
                if attempt < _TRIES:
                    gevent.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads the rivals
                    continue
                raise DatabaseUnavailable(f"the database is too busy: {known}") from fault
            stale = getattr(fault, "connection_invalidated", False) and time.monotonic() - began < _AT_ONCE
            if stale and attempt == 1 and isinstance(known, DatabaseUnavailable):
                continue  # the pool has thrown the connection away: the next one is new
            away = isinstance(known, DatabaseUnavailable) and not isinstance(fault, exc.TimeoutError)
            if away and attempt < _TRIES and self.members.leave(member):
                continue
            if known is None:
                raise fault
            raise known from fault
        raise AssertionError("unreachable")

    def _in_transaction(self, work: Callable[[Connection], T]) -> T:
        began = time.perf_counter()
        with self.members.engine.connect() as connection:
            if self.on_wait is not None:
                self.on_wait(time.perf_counter() - began)
            with connection.begin():
                return work(connection)

    @property
    def connections(self) -> dict[str, int]:
        """How many connections are at work ("busy"), and how many wait for the next statement ("idle")."""
        pool = self.members.engine.pool
        if isinstance(pool, QueuePool):
            return {"busy": pool.checkedout(), "idle": pool.checkedin()}
        return {"busy": 0, "idle": 1}

    def _count(self, name: str, result: str, began: float) -> None:
        seconds = time.perf_counter() - began
        self.counters[name, result] += 1
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        for observe in self.on_query:
            observe(name, result, seconds)

    # ------------------------------------------------------------------------------------ whether it is there

    @property
    def watched(self) -> bool:
        return self._watched

    def watch(self) -> bool:
        """From now on keep to the last answer and look for a lost database in the background.

        Returns whether it is there now; raises nothing: a server starts without its database.
        """
        self._watched = True
        self.probe()
        return self.available

    def probe(self) -> bool:
        """Ask the database now."""
        try:
            self._persistently(lambda: self._in_transaction(self.members.check))
        except StorageError as error:
            self._lost(error)
        else:
            self._seen(None)
        return self.available

    def _lost(self, error: StorageError) -> None:
        self._seen(error)
        if self._watched and self._prober is None:
            self._prober = gevent.spawn(self._look_for_it)

    def _look_for_it(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while self._watched:
                gevent.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - so that workers do not come at once
                if self.probe():
                    return
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            self._prober = None

    def _seen(self, error: StorageError | None) -> None:
        self.last_error = str(error) if error else None
        available = error is None
        if available != self.available:
            self.available = available
            for tell in self.on_change:
                tell(available)

    def close(self) -> None:
        """Give the connections back; the Database may be used again."""
        self._watched = False
        if self._prober is not None:
            self._prober.kill()
            self._prober = None
        self.members.stay()
        self._call(self.members.dispose)


def _attempt(work: Callable[[], T]) -> tuple[BaseException | None, T | None]:
    """The outcome as a value: an exception that crosses gevent's thread pool is printed on its way."""
    try:
        return None, work()
    except Exception as error:  # noqa: BLE001 - the caller raises it again, or what it means
        return error, None


def _result(error: SipboxError) -> str:
    if isinstance(error, DatabaseUnavailable):
        return "unavailable"
    return "refused" if isinstance(error, DatabaseRefused) else "failed"
