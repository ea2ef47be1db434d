"""How the status page says things: a verdict in one sentence, times in words, an hour as a line."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

WIDTH, HEIGHT = 120, 28

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def sentence(status: dict[str, Any]) -> str:
    """The one thing to know: all is well, or the first problem."""
    problems = status["problems"]
    if not problems:
        return "All systems normal."
    return str(problems[0]["what"])


def words(seconds: float) -> str:
    """A span of time in its two largest units: ``3 d 4 h``, ``12 s``."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {unit}")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def sparkline(values: Sequence[float]) -> str:
    """The points of an SVG polyline ``WIDTH`` by ``HEIGHT`` for these values, the newest at the right.

    Of more values than there is room for, neighbours are taken together.
    """
    together = -(-len(values) // WIDTH) or 1
    means = [fmean(values[first : first + together]) for first in range(0, len(values), together)]
    if len(means) < 2:
        return ""
    most = max(means) or 1.0
    step = WIDTH / (len(means) - 1)
    return " ".join(
        f"{index * step:.1f},{HEIGHT - 1 - mean / most * (HEIGHT - 2):.1f}"
        for index, mean in enumerate(means)
    )
