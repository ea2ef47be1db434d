"""How data is shown: as tables for people, as JSON for programs, always on standard output.

rich is loaded when a table is printed. Values come from phones and databases: what could act on a terminal is
shown as an escape.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from appliance.telemetry.trace_format import harmless

WIDE = 100_000  # columns: a pipe has no width, and nothing is cut there


def show_json(data: Any) -> None:
    """``data`` as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def show_applied(
    changed: bool, told: Mapping[str, Any], lines: Iterable[str], *, as_json: bool, diff: bool, check: bool
) -> None:
    """What ``apply`` has changed, or with ``check`` would change.

    ``told`` are lists by their JSON keys; the first three: added, changed, removed. ``lines``, one
    for each, are shown with ``diff``.
    """
    shown = [harmless(line) for line in lines] if diff else []
    if as_json:
        show_json({"changed": changed, **told} | ({"diff": shown} if diff else {}))
        return
    for line in shown:
        click.echo(line)
    words = ("added", "changed", "removed")
    would = "would be " if check else ""
    counts = (f"{would}{word}: {len(each)}" for word, each in zip(words, told.values(), strict=False))
    click.echo(", ".join(counts), err=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str = "none") -> None:
    """A table with a heading; ``nothing`` goes to standard error when there are no rows."""
    told = [[_cell(value) for value in row] for row in rows]
    if not told:
        click.echo(nothing, err=True)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in told:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_rows(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    tell: Callable[[Mapping[str, Any]], Sequence[Any]],
    nothing: str,
    *,
    as_json: bool,
) -> None:
    """Rows as JSON, or as a table with a line of ``tell(row)`` for each; ``nothing`` when there are none."""
    if as_json:
        show_json(list(rows))
    else:
        show_table(columns, map(tell, rows), nothing)


def show_record(record: Mapping[str, Any]) -> None:
    """One thing, a line for each of its fields."""
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        click.echo(f"{name:<{width}}  {_cell(value)}".rstrip())


def duration(seconds: float | None) -> str:
    """A time span as a person says it: ``47 s``, ``59 min``, ``2 h 5 min``, ``3 d 4 h``; None is for ever."""
    if seconds is None:
        return "for ever"
    whole = max(0, int(seconds))
    for size, unit, smaller, smaller_unit in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(str(value)).replace("\t", "\\x09")
