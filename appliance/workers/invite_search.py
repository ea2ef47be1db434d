"""Who has the INVITE of a CANCEL or ACK? All are asked at once, and the first that has it takes the message.

Whoever asks waits until one has it, until all have said no or are gone, and never longer than a moment. Must
not know how they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent
from gevent.event import AsyncResult

_FIND_SECONDS = 0.05


class InviteSearch:
    """The questions that are open."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[set[int], AsyncResult[bool]]] = {}
        self._last = 0

    def find(self, workers: Iterable[int], ask: Callable[[int, int], bool]) -> bool:
        """Whether one of ``workers`` has it. ``ask(worker, query)`` says whether it could be asked."""
        self._last = query = self._last + 1
        asked = {worker for worker in workers if ask(worker, query)}
        if not asked:
            return False
        found: AsyncResult[bool] = AsyncResult()
        self._open[query] = (asked, found)
        try:
            return bool(found.get(timeout=_FIND_SECONDS))
        except gevent.Timeout:
            return False
        finally:
            del self._open[query]

    def answered(self, worker: int, query: int, *, here: bool) -> None:
        """A worker has it, or has not."""
        asked, found = self._open.get(query, (None, None))
        if asked is None or found is None:
            return
        asked.discard(worker)
        if here or not asked:
            found.set(here)

    def lost(self, worker: int) -> None:
        """A worker is gone: it says no more."""
        for asked, found in list(self._open.values()):
            asked.discard(worker)
            if not asked:
                found.set(False)
