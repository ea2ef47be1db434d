from __future__ import annotations

import sys

import pytest

from appliance.supervision.program import run


def test_what_it_prints_and_says_and_how_it_ends() -> None:
    command = [sys.executable, "-c", "import sys; print('yes'); print('no', file=sys.stderr); sys.exit(3)"]
    assert run(command, 60) == (3, "yes\n", "no\n")


def test_it_has_nothing_to_read_and_may_print_what_is_no_text() -> None:
    program = "import sys; sys.stdout.buffer.write(b'\\xff' + sys.stdin.buffer.read())"
    assert run([sys.executable, "-c", program], 60) == (0, "\ufffd", "")


def test_one_that_is_not_there_and_one_that_hangs() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nonexistent/program"], 1)
    with pytest.raises(TimeoutError, match="sh has not ended after 0 s"):
        run(["/bin/sh", "-c", "sleep 300 | cat"], 0.1)
