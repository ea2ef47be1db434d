from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from appliance.telemetry.events import EVENTS
from appliance.telemetry.journal import LEVELS

PROGRAM = Path(__file__).resolve().parents[3] / "appliance"


def told() -> Iterator[tuple[str, str]]:
    """Every name that the program tells as an event, and where."""
    for file in PROGRAM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0]
            if called == "event" and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, f"{file.relative_to(PROGRAM)}:{node.lineno}"


def test_numbers_are_128_bits_and_each_has_its_own() -> None:
    numbers = [event.message_id for event in EVENTS.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch("[0-9a-f]{32}", number) for number in numbers)


def test_each_has_a_level_and_a_meaning() -> None:
    for event in EVENTS.values():
        assert event.level in LEVELS
        assert event.meaning.endswith(".")


def test_what_the_program_tells_is_in_the_catalogue() -> None:
    found = list(told())
    assert found
    assert [(name, where) for name, where in found if name not in EVENTS] == []


def test_what_is_in_the_catalogue_is_told_by_the_program() -> None:
    """A row of docs/logs.md that nobody ever sees would be a promise that is not kept."""
    names = {name for name, _ in told()}
    made = {f"binding-{kind}" for kind in ("added", "refreshed", "removed")}  # of the kind of change
    assert EVENTS.keys() - names - made == set()
