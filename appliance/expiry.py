"""Bindings that were not refreshed go, to the second: from memory, then from the table.

It comes by once a second, and so it is also what measures how busy the loop is, and what sees that all
bindings have been loaded. Must not know how a binding runs out (``registrar``), nor where its row is.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import gevent

from appliance.memory import settle_memory
from appliance.proxy.core import ProxyCore
from appliance.storage.directory import Directory
from appliance.telemetry.metrics import Metrics

_EVERY_SECONDS = 1.0


def _nothing() -> None:
    """Nothing else is due."""


class Expiry:
    """``leads()`` says whether this worker is the one of all that tells, and removes the rows. ``also()`` is
    called in each round."""

    def __init__(
        self,
        core: ProxyCore,
        directory: Directory,
        metrics: Metrics,
        leads: Callable[[], bool],
        also: Callable[[], None] = _nothing,
    ) -> None:
        self._also = also
        self._core = core
        self._directory = directory
        self._metrics = metrics
        self._leads = leads
        self._greenlet = gevent.Greenlet(self._run)

    def start(self) -> None:
        self._greenlet.start()

    def stop(self) -> None:
        self._greenlet.kill()

    def sweep(self, now: float) -> None:
        """Every worker forgets what has run out; one of all says so, and removes the rows."""
        mine = self._leads()
        expired = self._core.expire(now, tell=mine)
        self._directory.remove_expired(expired if mine else ())

    def _run(self) -> None:
        due = monotonic() + _EVERY_SECONDS
        loading = True
        while True:
            gevent.sleep(max(0.0, due - monotonic()))
            now = monotonic()
            # How late the loop came to a timer that was due says how busy it is.
            self._metrics.hub_lag_seconds.observe(max(0.0, now - due))
            due = now + _EVERY_SECONDS
            try:
                self.sweep(now)
                self._also()
            except Exception as error:  # noqa: BLE001 - told, and the next second is swept all the same
                self._core.journal.crashed(error)
            if loading and not self._core.locations.loading:
                loading = False
                settle_memory()
