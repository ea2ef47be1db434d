"""Token buckets: so many at once, and so many a second, for each source or for all together.

What is kept of a bucket is one number: the time at which it will be full again (the generic cell rate
algorithm, ITU-T I.371). A bucket that nobody has used for a while is full, so it need not be kept at all.
``now`` is monotonic seconds.
"""

from __future__ import annotations

from appliance.protection.remembered import Remembered


class Allowance:
    """One bucket for ``burst`` at once and ``per_second`` from then on."""

    __slots__ = ("_full_at", "_most", "_step")

    def __init__(self, burst: float, per_second: float) -> None:
        self._step = 1.0 / per_second
        self._most = burst / per_second - self._step + 1e-9
        self._full_at = 0.0

    def take(self, now: float) -> bool:
        """Whether there was one more."""
        full_at = self._full_at
        if full_at < now:
            full_at = now
        if full_at - now > self._most:
            return False
        self._full_at = full_at + self._step
        return True


class Allowances:
    """A bucket for each source, of as many as ``room`` says (``Remembered``)."""

    __slots__ = ("_full_at", "_most", "_step")

    def __init__(self, burst: float, per_second: float, room: int) -> None:
        self._step = 1.0 / per_second
        self._most = burst / per_second - self._step + 1e-9
        self._full_at = Remembered(room)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, source: str, now: float) -> bool:
        """Whether there was one more for this source."""
        full_at = self._full_at.get(source)
        if full_at < now:
            full_at = now
        if full_at - now > self._most:
            return False
        self._full_at.put(source, full_at + self._step)
        return True

    def has_more(self, source: str, now: float) -> bool:
        """Whether ``take`` would find one."""
        return self._full_at.get(source) - now <= self._most

    def give_back(self, source: str, count: float = 1.0) -> None:
        """What was taken was no harm."""
        full_at = self._full_at.get(source)
        if full_at:
            self._full_at.put(source, full_at - count * self._step)

    def refill(self, source: str) -> None:
        """All is forgiven."""
        self._full_at.forget(source)
