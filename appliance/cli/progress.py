"""How far long work has come: a bar on standard error, on a terminal alone; a pipe and a log hear nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

#: Hears what is under way, how many are done, and of how many.
Tell = Callable[[str, int, int], None]


@contextmanager
def progress(*, hidden: bool = False, stream: TextIO | None = None) -> Iterator[Tell]:
    """``tell(what, done, all)``: a bar for each ``what``, one after the other, gone through when the block
    ends. ``hidden``: somebody else writes to the terminal."""
    shown = stream or sys.stderr
    if hidden or not shown.isatty():
        yield _nobody
        return
    bars = _Bars(shown)
    try:
        yield bars.tell
    finally:
        bars.end()


class _Bars:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._what = ""
        self._bar: ProgressBar[Any] | None = None

    def tell(self, what: str, done: int, whole: int) -> None:
        if self._bar is None or what != self._what:
            self.end()
            self._what = what
            self._bar = click.progressbar(length=whole, label=f"{what:<12}", file=self._stream, show_pos=True)
            self._bar.render_progress()
        self._bar.length = whole
        self._bar.update(done - self._bar.pos)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


def _nobody(_what: str, _done: int, _whole: int) -> None:
    """Nobody looks on."""
