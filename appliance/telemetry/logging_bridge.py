"""What libraries and other rooms say through ``logging`` goes to the journal too.

Apart from the journal, because it stays as it is where that is compiled to machine code: ``logging`` keeps a
weak reference to each handler, and mypyc does not clear those to an object whose class inherits from a Python
class, so that ``logging`` would look at freed memory. Must not know where the journal writes.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Protocol


class Say(Protocol):
    """``Journal.say``."""

    def __call__(self, level: str, message: str, trace: str | None = None, **fields: str) -> None:
        """Tell something that is no event of the catalogue."""


class LoggingBridge(logging.Handler):
    """The end of ``logging``; ``levels`` are the journal's, by name, with ``logging``'s numbers."""

    def __init__(self, say: Say, levels: Mapping[str, int]) -> None:
        super().__init__()
        self._say = say
        self._levels = levels

    def emit(self, record: logging.LogRecord) -> None:
        """One record; a traceback goes into a field of its own."""
        level = max(
            (name for name, number in self._levels.items() if number <= record.levelno),
            key=self._levels.__getitem__,
            default="debug",
        )
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
        self._say(level, record.getMessage(), trace, logger=record.name)
