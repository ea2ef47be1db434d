"""Counting on the hot path: an increment is one dictionary access, and the labels stay bounded.

Must not know metrics' names or Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Counter(dict[Key, int], Generic[Key]):
    """``counter[key] += 1``, where a key that ``fold`` does not know is counted under the key that it gives.

    A stranger can send any method name, and each would be a new time series for ever. A dictionary cannot put
    ``counter["FOO"] += 1`` elsewhere while it happens without slowing down all the others, so the unknown key
    is let in and moved to where it belongs when the next one comes or ``settle`` is called: never more than
    one is kept.
    """

    __slots__ = ("_fold", "_stray")

    def __init__(self, known: Sequence[Key], fold: Callable[[Key], Key]) -> None:
        super().__init__(dict.fromkeys(known, 0))
        self._fold = fold
        self._stray: Key | None = None

    def __missing__(self, key: Key) -> int:
        if self._fold(key) != key:
            self.settle()
            self._stray = key
        return 0

    def settle(self) -> None:
        """Count the unknown key where it belongs."""
        stray, self._stray = self._stray, None
        if stray is not None:
            count = self.pop(stray, 0)
            folded = self._fold(stray)
            self[folded] = self.get(folded, 0) + count

    def total(self) -> int:
        """The sum over all labels."""
        return sum(self.values())

    def reset(self) -> None:
        """Zero for every key."""
        self.settle()
        for key in self:
            self[key] = 0


class Histogram:
    """How often a value fell at or below each of ``bounds``: one bisection for an observation."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)  # the last: above all bounds
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count ``value``, in the metric's unit."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)


class Histograms(dict[Key, Histogram], Generic[Key]):
    """One histogram for each value of a label, or tuple of them. What is not ``known`` is observed where
    ``fold`` puts it; one that the code itself chooses is made when first asked.
    """

    __slots__ = ("_bounds", "_fold")

    def __init__(
        self, bounds: Sequence[float], known: Sequence[Key] = (), fold: Callable[[Key], Key] | None = None
    ) -> None:
        super().__init__({key: Histogram(bounds) for key in known})
        self._bounds = tuple(bounds)
        self._fold = fold

    def __missing__(self, key: Key) -> Histogram:
        if self._fold is not None:
            key = self._fold(key)
            there = self.get(key)
            if there is not None:
                return there
        made = self[key] = Histogram(self._bounds)
        return made

    def observe(self, key: Key, value: float) -> None:
        """Count ``value`` with the label ``key``."""
        self[key].observe(value)
