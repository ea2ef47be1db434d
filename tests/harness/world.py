"""A server and all that is around it: it begins as a whole or not at all, and ends without an accident."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Self

from tests.harness.sipbox import Sipbox


class World(ABC):
    """To be entered. ``box`` is the server, by the end of ``_begin``; ``_stack`` ends what was begun."""

    box: Sipbox

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.box.assert_no_accident()
        finally:
            self._stack.close()

    @abstractmethod
    def _begin(self) -> None:
        """Starts everything."""
