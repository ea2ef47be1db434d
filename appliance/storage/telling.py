"""How far long work has come, for whoever looks on."""

from __future__ import annotations

from collections.abc import Callable

#: Hears what is under way ("subscribers"), how many are done, and of how many.
Tell = Callable[[str, int, int], None]


def untold(_what: str, _done: int, _all: int) -> None:
    """Nobody looks on."""
