"""Which of the workers live: those that have said so within the last seconds.

One that has said nothing for so long hangs: nothing is handed over to it. Must not know how it is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

_LIVES_SECONDS = 3.0


class _Seen(NamedTuple):
    """A worker as it last said."""

    when: float
    process: int
    boot: int


class Living:
    """The workers beside ``worker``, which lives itself; ``clock`` is monotonic."""

    def __init__(self, worker: int, clock: Callable[[], float]) -> None:
        self._worker = worker
        self._clock = clock
        self._seen: dict[int, _Seen] = {}

    def says_so(self, worker: int, process: int, boot: int) -> bool:
        """A worker lives; True when it is another process than the last that said so."""
        known = self._seen.get(worker)
        self._seen[worker] = _Seen(self._clock(), process, boot)
        return known is None or known.process != process

    def lost(self, worker: int) -> None:
        """Its process has ended."""
        self._seen.pop(worker, None)

    def lives(self, worker: int) -> bool:
        seen = self._seen.get(worker)
        return seen is not None and seen.when >= self._clock() - _LIVES_SECONDS

    def has_issued(self, worker: int, boot: int) -> bool:
        """Whether a nonce of that worker and boot can be judged: it is another one, and lives."""
        seen = self._seen.get(worker)
        return seen is not None and seen.boot == boot and seen.when >= self._clock() - _LIVES_SECONDS

    @property
    def numbers(self) -> list[int]:
        """The numbers of those that live, this one too, in order."""
        since = self._clock() - _LIVES_SECONDS
        return sorted([self._worker, *(number for number, seen in self._seen.items() if seen.when >= since)])
