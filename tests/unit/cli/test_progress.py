from __future__ import annotations

import io

from appliance.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar_for_each_part() -> None:
    terminal = Terminal()
    with progress(stream=terminal) as tell:
        for done in (0, 500, 1000):
            tell("subscriber", done, 1000)
        tell("location", 7, 7)
    shown = terminal.getvalue()
    assert "500/1000" in shown
    assert shown.index("1000/1000") < shown.index("location") < shown.index("7/7")
    assert shown.count("\n") == 2


def test_a_pipe_hears_nothing() -> None:
    pipe = io.StringIO()
    with progress(stream=pipe) as tell:
        tell("subscriber", 500, 1000)
    assert pipe.getvalue() == ""


def test_nothing_comes_between_what_somebody_else_writes() -> None:
    terminal = Terminal()
    with progress(hidden=True, stream=terminal) as tell:
        tell("subscriber", 500, 1000)
    assert terminal.getvalue() == ""


def test_a_table_that_grows_meanwhile_is_no_trouble() -> None:
    terminal = Terminal()
    with progress(stream=terminal) as tell:
        tell("rows saved", 500, 500)
        tell("rows saved", 700, 700)
        tell("nothing", 0, 0)
    assert "700/700" in terminal.getvalue()
