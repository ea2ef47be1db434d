"""Which member of a database cluster is asked: the first of the settings, or another while it is not in sync.

A member of a Galera cluster that is away, or has lost the majority, answers nobody (error 1047). The others
have the same rows, so the next one is asked, until the first one has been well again for some seconds: it is
mostly the one on this box. With a single member there is nothing to choose. Must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Final

import gevent
import pymysql.err
from gevent.lock import Semaphore
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from appliance.storage import connecting
from appliance.storage.galera import QUERY, Member, is_member, read

#: How often the first member is looked at while another is asked, and how often in a row it has to be well.
_EVERY: Final = 2.0
_IN_A_ROW: Final = 3


class Members:
    """The members by their URLs, the preferred one first; all of one kind of database.

    ``on_move`` callbacks are called with the URL that is asked from now on.
    """

    def __init__(
        self, urls: Sequence[URL], *, pool_size: int, connect_timeout: float, query_timeout: float
    ) -> None:
        self.on_move: list[Callable[[URL], None]] = []
        self._engines: list[Engine] = [
            connecting.engine(
                url, pool_size=pool_size, connect_timeout=connect_timeout, query_timeout=query_timeout
            )
            for url in urls
        ]
        self._bare = partial(connecting.bare, connect_timeout=connect_timeout, query_timeout=query_timeout)
        self._at = 0
        self._turn = Semaphore()
        self._homing: gevent.Greenlet[[], None] | None = None

    @property
    def engine(self) -> Engine:
        """The one that is asked."""
        return self._engines[self._at]

    @property
    def elsewhere(self) -> bool:
        """Whether it is another than the preferred one."""
        return self._at != 0

    def leave(self, engine: Engine) -> bool:
        """``engine`` does not do: go to another member. Whether the next try is made at another one."""
        if len(self._engines) == 1:
            return False
        with self._turn:  # who finds out at the same time waits for the first one's choice
            if self.engine is not engine:
                return True
            left = self._at
            for number in range(len(self._engines)):
                if number != left and self._is_well(self._engines[number]):
                    self._go(number)
                    return True
        return False

    def check(self, connection: Connection) -> None:
        """Raises, as the driver does, when the member behind ``connection`` cannot be worked with."""
        connection.exec_driver_sql("SELECT 1")
        if len(self._engines) == 1 or connection.dialect.name == "sqlite" or not is_member(connection):
            return
        said = read(connection.exec_driver_sql(QUERY))
        if said is None or not said.ready:
            raise pymysql.err.OperationalError(
                connecting.NOT_READY, "this member of the cluster is not in sync"
            )

    def of_each(self) -> list[tuple[URL, Member | None]]:
        """What each member says of the cluster, the preferred one first; None: it does not answer."""
        # All at once: one that is dead is waited for.
        asked = [gevent.spawn(self._said_by, engine) for engine in self._engines]
        gevent.joinall(asked)
        return [(engine.url, said.value) for engine, said in zip(self._engines, asked, strict=True)]

    def home(self) -> Member | None:
        """What the preferred member says of the cluster; None: it does not answer, or there is no cluster."""
        return self._said_by(self._engines[0]) if len(self._engines) > 1 else None

    def stay(self) -> None:
        """Look for the preferred member no more."""
        if self._homing is not None:
            self._homing.kill()
            self._homing = None

    def dispose(self) -> None:
        """Close all connections that nobody uses."""
        for engine in self._engines:
            engine.dispose()

    def first_well(self) -> URL:
        """The first member that can be worked with, and the preferred one when none can."""
        well = (engine.url for engine in self._engines if self._is_well(engine))
        return next(well, self._engines[0].url)

    # ---------------------------------------------------------------------------------------------- internals

    def _is_well(self, engine: Engine) -> bool:
        try:
            with engine.connect() as connection:
                self.check(connection)
        except (SQLAlchemyError, pymysql.err.Error, OSError):
            return False
        return True

    def _said_by(self, engine: Engine) -> Member | None:
        # Without a majority it answers this, and refuses what SQLAlchemy says before and after.
        if engine.dialect.name == "sqlite":
            return None
        try:
            with closing(self._bare(engine)) as connection, connection.cursor() as cursor:
                cursor.execute(QUERY)
                return read(cursor.fetchall())
        except (pymysql.err.Error, OSError):
            return None

    def _go(self, number: int) -> None:
        left, self._at = self.engine, number
        left.dispose()  # what is checked out is closed when it comes back
        for tell in self.on_move:
            tell(self.engine.url)
        if number and self._homing is None:
            self._homing = gevent.spawn(self._look_for_home)

    def _look_for_home(self) -> None:
        well = 0
        try:
            while self.elsewhere:
                gevent.sleep(_EVERY)
                well = well + 1 if self._is_well(self._engines[0]) else 0
                if well >= _IN_A_ROW:
                    with self._turn:
                        self._go(0)
        finally:
            self._homing = None
