"""The search for the highest rate that a server stands."""

from __future__ import annotations

from collections.abc import Callable

#: Each step is a tenth to a sixth more than the one before.
STEPS = tuple(
    sorted(
        int(step * 10**power)
        for power in (2, 3, 4)
        for step in (1, 1.15, 1.3, 1.5, 1.7, 2, 2.3, 2.6, 3, 3.5, 4, 4.5, 5, 5.7, 6.5, 7.5, 8.5)
    )
)


def climb(clean: Callable[[int], bool], begin: int, steps: tuple[int, ...] = STEPS) -> int:
    """The highest step that is clean: upwards from the one next to ``begin``, or down when that is too much.

    0 when not even the lowest is clean.
    """
    at = min(range(len(steps)), key=lambda index: abs(steps[index] - begin))
    if clean(steps[at]):
        while at + 1 < len(steps) and clean(steps[at + 1]):
            at += 1
        return steps[at]
    while at > 0:
        at -= 1
        if clean(steps[at]):
            return steps[at]
    return 0
