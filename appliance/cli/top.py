"""``sipbox top``: registrations, calls and rates of the running server, shown anew every few seconds."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from appliance.cli.invocation import Invocation, Verb, invocation
from appliance.cli.output import WIDE, duration
from appliance.telemetry.trace_format import harmless

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_REQUESTS = "sipbox_sip_requests_received_total"
_RESPONSES = "sipbox_sip_responses_sent_total"
_REGISTRATIONS = "sipbox_registrations_total"
_SHOWN = 5


class Look(NamedTuple):
    """What the server says at one moment (monotonic seconds): its status, and its metrics by name."""

    when: float
    status: dict[str, Any]
    metrics: dict[str, list[Any]]

    def counts(self, metric: str, label: int) -> Counter[str]:
        """A counter by one of its labels."""
        counted: Counter[str] = Counter()
        for labels, value in self.metrics.get(metric, ()):
            counted[labels[label]] += value
        return counted


@click.command(cls=Verb)
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, metavar="SECONDS",
    help="How often it is shown anew.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Show it once, after one such time.")
@invocation
def top(run: Invocation, every: float, once: bool) -> None:
    """Watch registrations, calls and rates of the running server. Ctrl-C ends it."""
    from rich.console import Console
    from rich.live import Live

    looks = _looks(run, every)
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    before = next(looks)
    try:
        if once:
            console.print(screen(before, next(looks)))
            return
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            for look in looks:
                live.update(screen(before, look), refresh=True)
                before = look
    except KeyboardInterrupt:
        pass  # the usual way to end it


def _looks(run: Invocation, every: float) -> Iterator[Look]:
    while True:
        yield Look(time.monotonic(), run.ask("status"), run.ask("metrics")["snapshot"])
        time.sleep(every)


def screen(before: Look, now: Look) -> RenderableType:
    """What is shown: the numbers of ``now``, and the rates since ``before``."""
    from rich.console import Group
    from rich.text import Text

    status = now.status
    state = Text.assemble(
        ("sipbox ", "bold"),
        (status["state"], "bold green" if status["state"] == "ok" else "bold yellow"),
        f"  {datetime.fromtimestamp(status['now']).astimezone():%H:%M:%S}, up {duration(status['uptime'])}",
    )
    problems = [Text(harmless(f"{each['what']} {each['todo']}"), "yellow") for each in status["problems"]]
    counts = Text(
        f"{status['users']} users, {status['bindings']} contacts, {status['calls']} calls now,"
        f" {sum(status['transactions'].values())} transactions\n"
    )
    parts: list[RenderableType] = [state, *problems, counts, _rates(before, now), _calls(status)]
    return Group(*parts, _troubles(status))


def _rates(before: Look, now: Look) -> RenderableType:
    table = _table("a second", "requests", "registrations", "responses")
    seconds = max(now.when - before.when, 0.001)
    columns = []
    for metric, label in ((_REQUESTS, 0), (_REGISTRATIONS, 0), (_RESPONSES, 1)):
        counted = Counter(
            {
                name: value / seconds
                for name, value in (now.counts(metric, label) - before.counts(metric, label)).items()
            }
        )
        rows = [f"{value:8.1f}  {name}" for name, value in counted.most_common(_SHOWN)]
        columns.append([f"{sum(counted.values()):8.1f}  in all", *rows])
    for number in range(_SHOWN + 1):
        cells = [column[number] if number < len(column) else "" for column in columns]
        if any(cells):
            table.add_row("", *cells)
    return table


def _calls(status: dict[str, Any]) -> RenderableType:
    table = _table("last calls", "caller", "called", "result")
    for call in status.get("last_calls", ())[:_SHOWN]:
        lasted = "" if call["seconds"] is None else f", {duration(call['seconds'])}"
        result = f"{call['result'].replace('_', ' ')} ({call['status']}){lasted}"
        table.add_row(_ago(status, call), harmless(call["caller"]), harmless(call["callee"]), result)
    return table


def _troubles(status: dict[str, Any]) -> RenderableType:
    table = _table("last troubles", "")
    for trouble in status.get("last_troubles", ())[:_SHOWN]:
        times = f" ({trouble['times']} times)" if trouble["times"] > 1 else ""
        table.add_row(_ago(status, trouble), harmless(trouble["what"]) + times)
    return table


def _ago(status: dict[str, Any], row: dict[str, Any]) -> str:
    return f"{duration(max(status['now'] - row['when'], 0))} ago"


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
