"""What rounds that were measured in pairs say: a ratio and its 95 % interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

#: Student's t, two-sided 95 %, for 1 to 30 degrees of freedom (any table of it).
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_NORMAL = 1.96


class Ratio(NamedTuple):
    """A ratio (geometric mean of the rounds') and its 95 % interval, unbounded after one round."""

    value: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        if self.rounds == 1:
            return f"{self.value:.2f} (one round)"
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"

    @property
    def exactly(self) -> str:
        """With one more digit, for ratios that are nearly 1."""
        if self.rounds == 1:
            return f"{self.value:.3f} (one round)"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"

    def at_most(self, target: float) -> str:
        """``yes`` or ``no`` when the whole interval says so, else ``open``."""
        if self.high <= target:
            return "yes"
        return "no" if self.low > target else "open"

    def at_least(self, target: float) -> str:
        """``yes`` or ``no`` when the whole interval says so, else ``open``."""
        if self.low >= target:
            return "yes"
        return "no" if self.high < target else "open"


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio | None:
    """``ours`` through ``theirs``, round by round; None without a round.

    Noise multiplies what is measured, so the interval is Student's on the logarithms. Both have the same
    length and are above 0.
    """
    logs = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    if not logs:
        return None
    middle = statistics.fmean(logs)
    if len(logs) == 1:
        return Ratio(math.exp(middle), 0.0, math.inf, 1)
    freedom = len(logs) - 1
    t = _T[freedom - 1] if freedom <= len(_T) else _NORMAL
    half = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half), len(logs))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` % do not exceed (nearest rank) of ascending values; NaN of none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
