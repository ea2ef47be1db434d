"""One at a time for each user, in the order of arrival (RFC 3261 §10.3).

A REGISTER waits while its change is made durable. The next one for the same address of record must not be
judged by what may still be undone, nor answered first; those of all other users go on. Waiting uses a lock of
``threading``, which the program's entry point has made cooperative.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable


class Turns:
    """Who is at work on which key, and who waits for it."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[threading.Lock] | None] = {}

    def __len__(self) -> int:
        """How many keys somebody is at work on."""
        return len(self._waiting)

    def take(self, key: Hashable) -> None:
        """Wait until nobody who came before is at work on ``key``; ``end`` must follow, whatever happens."""
        waiting = self._waiting
        if key not in waiting:
            waiting[key] = None
            return
        queue = waiting[key]
        if queue is None:
            queue = waiting[key] = deque()
        turn = threading.Lock()
        turn.acquire()
        queue.append(turn)
        try:
            turn.acquire()
        except BaseException:
            # Given up while waiting: the place in the queue must not hold up those behind it.
            if turn in queue:
                queue.remove(turn)
            else:
                self.end(key)
            raise

    def end(self, key: Hashable) -> None:
        """Hand ``key`` over to whoever has waited longest. Nobody who comes now can get in between."""
        queue = self._waiting[key]
        if queue:
            queue.popleft().release()
        else:
            del self._waiting[key]
