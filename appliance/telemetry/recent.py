"""The last calls and the last troubles, for a person who looks at the status page.

A few of each, in memory only: what lasts is the journal's and the accounting's business. Must not know who
shows them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import time
from typing import Any

KEPT = 10
#: Events that are troubles to somebody, below the level of a warning.
TROUBLES = frozenset({"registration-refused", "auth-failed", "relay-refused"})


class Recent:
    """``wall`` is the time as seconds since 1970."""

    def __init__(self, wall: Callable[[], float] = time) -> None:
        self._wall = wall
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._troubles: dict[str, dict[str, Any]] = {}  # by their words, the newest last

    def call(self, caller: str, callee: str, status: int, result: str, seconds: float | None) -> None:
        """One has ended; ``seconds`` is how long it lasted, None when it was not answered."""
        self._calls.append(
            {
                "when": self._wall(),
                "caller": caller,
                "callee": callee,
                "status": status,
                "result": result,
                "seconds": seconds,
            }
        )

    def trouble(self, words: str) -> None:
        """Something went wrong. Said again, it is the same one, at a later time."""
        troubles = self._troubles
        before = troubles.pop(words, None)
        times = 1 if before is None else before["times"] + 1
        troubles[words] = {"when": self._wall(), "what": words, "times": times}
        if len(troubles) > KEPT:
            del troubles[next(iter(troubles))]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The newest first: ``when``, ``caller``, ``callee``, ``status``, ``result``, ``seconds``."""
        return list(reversed(self._calls))

    @property
    def troubles(self) -> list[dict[str, Any]]:
        """The newest first: ``when`` it came last, ``what``, and how many ``times``."""
        return list(reversed(self._troubles.values()))
