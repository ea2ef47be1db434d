"""What is cut out of the program for a measurement, and what is left."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cut_out import without_metrics, without_tracing

REPOSITORY = Path(__file__).resolve().parents[3]


def cut(source: str, take_out: object) -> str:
    assert callable(take_out)
    return ast.unparse(ast.fix_missing_locations(take_out(ast.parse(source))))


def test_nobody_looks_at_the_tracer() -> None:
    source = (
        "if self._tracer.active:\n    self._tracer.message('sent', data, hop)\n"
        "if self._calls.active:\n    go()\n"
        "self.tracer.note('words')\nself.journal.note('words')\n"
    )
    assert cut(source, without_tracing) == (
        "pass\nif self._calls.active:\n    go()\npass\nself.journal.note('words')"
    )


def test_nothing_is_counted_under_whatever_name() -> None:
    source = (
        "def count(self, metrics):\n"
        "    self._stateless = metrics.stateless_responses\n"
        "    counts = self._metrics.registrations\n"
        "    counts[kind] += 1\n"
        "    self._stateless[404] += 1\n"
        "    self._metrics.call_attempts += 1\n"
        "    self._metrics.call_setup_seconds.observe(1.0)\n"
        "    self._being_set_up += 1\n"
    )
    told = cut(source, lambda tree: without_metrics(tree, frozenset({"metrics"})))
    assert told.splitlines()[3:] == ["    pass"] * 4 + ["    self._being_set_up += 1"]


@pytest.mark.parametrize("what", ["nothing", "tracing", "metrics"])
def test_the_program_goes_on_without_it(what: str) -> None:
    """A registration and a call go through, and no counter has counted that was cut out."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cut_out", what, "benchmarks.core_path", what],
        input="registration 2\ncall 2\nend\n",
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    registration, call, end = done.stdout.split("\n")[:3]
    assert float(registration) > 0
    assert float(call) > 0
    assert end == "done"
