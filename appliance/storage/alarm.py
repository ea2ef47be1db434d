"""One greenlet's sleep, which others may end sooner, or set to end at another time.

An ``Event`` with a time-out would do the same for several times the price; this is passed with each commit.
Must not know why somebody sleeps.
"""

from __future__ import annotations

import gevent
from gevent.hub import Waiter


class Alarm:
    """For one sleeper. What is set while nobody sleeps counts for the next sleep, if it is for at once."""

    __slots__ = ("_loop", "_now", "_sleeper", "_timer")

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._timer = self._loop.timer(0)
        self._sleeper: Waiter[None] | None = None
        self._now = False

    def wait(self, seconds: float | None) -> None:
        """Sleep for so long (None: until somebody sets it), or not at all when it was set for at once."""
        if self._now or (seconds is not None and seconds <= 0):
            self._now = False
            return
        sleeper: Waiter[None] = Waiter()
        self._sleeper = sleeper
        if seconds is not None:
            self._start(seconds)
        try:
            sleeper.get()
        finally:
            self._sleeper = None
            self._now = False
            self._timer.stop()

    def set(self, seconds: float) -> None:
        """End the sleep in so many seconds, whatever was set before; 0 and less: at once."""
        if seconds > 0:
            if self._sleeper is not None:
                self._start(seconds)
        elif not self._now:
            self._now = True
            if self._sleeper is not None:
                self._loop.run_callback(self._ring)

    def _start(self, seconds: float) -> None:
        self._timer.stop()
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._ring)

    def _ring(self) -> None:
        sleeper = self._sleeper
        if sleeper is not None:
            self._sleeper = None
            sleeper.switch(None)
