"""The signs of life: a status line when it has changed, and the watchdog while the loop does its work.

The watchdog is fed by the loop itself. One that stands still feeds nothing; one that comes far too late, or
that turns while nobody reads the sockets, is not let feed either, and systemd starts the process again. That
the database is away is no reason: it would end calls in every outage. Must not know what is supervised.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

import gevent

from appliance.supervision.notify import Notifier

#: How often the status is looked at; the watchdog is fed at least four times in its time.
_EVERY_SECONDS = 2.0

log = logging.getLogger("sipbox.supervision")


class Heartbeat:
    """Feeds ``notifier``.

    ``describe()`` is the status line, ``unread()`` names the sockets that have something to be read and were
    not looked at since the last time it was called.
    """

    def __init__(
        self,
        notifier: Notifier,
        describe: Callable[[], str],
        unread: Callable[[], Collection[str]] = tuple,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier = notifier
        self._describe = describe
        self._unread = unread
        self._clock = clock
        self._told = ""
        self._due = 0.0
        self._beating: gevent.Greenlet[[], None] | None = None
        limit = notifier.watchdog_seconds
        self.every = min(_EVERY_SECONDS, limit / 4) if limit else _EVERY_SECONDS

    def start(self) -> None:
        """Begins, with the status line at once; where nobody listens, nothing is done."""
        if self._notifier.listens:
            self._due = self._clock()
            self._beating = gevent.spawn(self._beat_for_ever)

    def stop(self) -> None:
        if self._beating is not None:
            self._beating.kill()
            self._beating = None

    def beat(self) -> None:
        """One sign of life, unless the loop is not well."""
        now = self._clock()
        late, self._due = now - self._due, now + self.every
        status = self._describe()
        if status != self._told:
            self._told = status
            self._notifier.status(status)
        limit = self._notifier.watchdog_seconds
        if not limit:
            return
        unread = self._unread()
        if late > limit / 2:
            log.error("no sign of life: the loop came %.1f s too late", late)
        elif unread:
            log.error("no sign of life: nobody reads %s", ", ".join(sorted(unread)))
        else:
            self._notifier.alive()

    def _beat_for_ever(self) -> None:
        while True:
            try:
                self.beat()
            except Exception:  # told, and tried again: without a beat systemd ends us
                log.exception("the status could not be told")
            gevent.sleep(self.every)
