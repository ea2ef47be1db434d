"""How the status page says things: a verdict in one sentence, times in words, an hour as a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean
from typing import Any, NamedTuple

WIDTH, HEIGHT = 120, 28

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Verdict(NamedTuple):
    """The one thing to know. ``state`` is ``ok``, ``degraded``, ``starting`` or ``down``; ``problems`` are
    what is wrong (``what``) and what to do (``todo``), the cause first."""

    state: str
    problems: list[dict[str, str]]

    @property
    def sentence(self) -> str:
        """All is well, or the first problem."""
        return self.problems[0]["what"] if self.problems else "All systems normal."


def judge(status: dict[str, Any], wrong: list[dict[str, str]]) -> Verdict:
    """What to think of what the server says of itself, and of the checks that found something ``wrong``.

    The checks know causes: the server only sees that its database is gone, and not that the disk is full.
    """
    state = status["state"]
    if state == "ok" and wrong:
        state = "degraded"
    causes = [{"what": _as_sentence(_told(each)), "todo": each["todo"]} for each in wrong]
    return Verdict(state, causes + list(status["problems"]))


def _told(check: dict[str, str]) -> str:
    follows = f" (follows from: {check['because']})" if check["because"] else ""
    return f"{check['part']}: {check['what']}{follows}"


def _as_sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


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


def moment(when: float) -> str:
    """A time of the wall clock, as the box has it."""
    return f"{datetime.fromtimestamp(when).astimezone():%Y-%m-%d %H:%M}"


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
