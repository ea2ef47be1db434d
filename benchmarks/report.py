"""Readings of a run as a file to keep, and as Markdown tables: medians, ratios with their intervals, targets.

Everything here is computed from what is kept, so that a kept run prints the same again.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from benchmarks.load import Cost
from benchmarks.names import SIPBOX
from benchmarks.statistics_of_rounds import Ratio, paired_ratio
from benchmarks.targets import LIMITS, TARGETS

#: With more retransmissions an operation, a round compares nothing.
_REPEATED = 0.01


class Reading(NamedTuple):
    """One figure of one server in one round (0: before the rounds). ``value`` is ``cost``'s total, or what
    ``what`` says; ``cost`` is there for loads.
    """

    round: int
    server: str
    what: str
    value: float
    cost: dict[str, Any] | None = None

    @classmethod
    def of(cls, round_: int, server: str, what: str, value: Cost | float) -> Self:
        if isinstance(value, Cost):
            return cls(round_, server, what, value.total, value._asdict())
        return cls(round_, server, what, value)


def kept(
    machine: Mapping[str, str], options: Mapping[str, Any], readings: Iterable[Reading]
) -> dict[str, Any]:
    """What is written to the file."""
    return {
        "machine": dict(machine),
        "options": {
            name: value for name, value in options.items() if name not in ("report", "quick", "only")
        },
        "readings": [reading._asdict() for reading in readings],
    }


def text(run: Mapping[str, Any]) -> str:
    """All tables of a run that was kept."""
    readings = [Reading(**reading) for reading in run["readings"]]
    parts = [
        ", ".join(f"{name} {value}" for name, value in run["machine"].items()),
        ", ".join(f"{name.replace('_', '-')} {value}" for name, value in run["options"].items()),
        "Costs: CPU µs an operation, server + MariaDB, median of the rounds; behind them p50/p99 in ms.",
        medians(readings),
        "sipbox through Kamailio, round by round: geometric mean (95 % interval).",
        ratios(readings),
        "Targets: yes or no when the whole interval says so.",
        targets(readings),
        limits(readings, float(run["machine"]["fdatasync p99"].split()[0])),
    ]
    unclean = [reading for reading in readings if reading.cost and not Cost(**reading.cost).clean]
    parts += [
        f"Not clean, round {reading.round}: {reading.server}, {reading.what}:"
        f" {reading.cost['failed']} failed, {reading.cost['retransmissions']} retransmissions"
        f" of {reading.cost['operations']}"
        for reading in unclean
        if reading.cost
    ]
    return "\n\n".join(part for part in parts if part)


def medians(readings: Sequence[Reading]) -> str:
    """A row for each operation, a column for each server."""
    servers, whats = _order(reading.server for reading in readings), _order(r.what for r in readings)
    rows = []
    for what in whats:
        cells = [[r for r in readings if (r.server, r.what) == (server, what)] for server in servers]
        rows.append([what, *(_cell(found) for found in cells)])
    return table(["", *servers], rows)


def ratios(readings: Sequence[Reading]) -> str:
    """A row for each operation that sipbox and another have in common."""
    others = [server for server in _order(r.server for r in readings) if server != SIPBOX]
    rows = []
    for what in _order(reading.what for reading in readings if reading.server == SIPBOX):
        found = [ratio(readings, what, other) for other in others]
        if any(found):
            rows.append([what, *(str(each) if each else "" for each in found)])
    return table(["", *others], rows) if rows else ""


def targets(readings: Sequence[Reading]) -> str:
    """A row for each target that was measured."""
    rows = []
    for target in TARGETS:
        found = ratio(readings, target.what, target.against, target.ours)
        if found:
            met = found.at_most(target.goal) if target.at_most else found.at_least(target.goal)
            sign = "≤" if target.at_most else "≥"
            shown = found.exactly if target.goal < 1.1 and target.ours != SIPBOX else str(found)
            whose = "" if target.ours == SIPBOX else f"{target.ours} through "
            rows.append([target.what, f"{whose}{target.against}", f"{sign} {target.goal:g}", shown, met])
    return table(["", "against", "target", "measured", "met"], rows)


def limits(readings: Sequence[Reading], sync_ms: float) -> str:
    """What sipbox has to keep by itself, median of the rounds; ``sync_ms`` is the disk's own p99."""
    ours = [reading for reading in readings if reading.server == SIPBOX]
    p99s = [r.cost["p99"] for r in ours if r.cost and r.what == "registration, half the highest rate"]
    measured = [("registration, half the highest rate: p99, ms", p99s, max(10.0, 3 * sync_ms))]
    measured += [
        (limit.what, [reading.value for reading in ours if reading.what == limit.what], limit.at_most)
        for limit in LIMITS
    ]
    rows = []
    for what, values, limit in measured:
        if values:
            middle = statistics.median(values)
            rows.append([what, f"≤ {limit:g}", f"{middle:.2f}", "yes" if middle <= limit else "no"])
    return table(["sipbox alone", "limit", "measured", "met"], rows) if rows else ""


def ratio(readings: Iterable[Reading], what: str, against: str, ours: str = SIPBOX) -> Ratio | None:
    """Ours through theirs, of the rounds in which both did ``what`` without a failure.

    Nor may one have been asked much again: that would measure something else.
    """
    by_server: dict[str, dict[int, float]] = {ours: {}, against: {}}
    for reading in readings:
        failed = reading.cost is not None and _spoilt(reading.cost)
        if reading.what == what and reading.server in by_server and not failed and reading.value > 0:
            by_server[reading.server][reading.round] = reading.value
    mine, theirs = by_server[ours], by_server[against]
    rounds = sorted(mine.keys() & theirs.keys())
    return paired_ratio([mine[number] for number in rounds], [theirs[number] for number in rounds])


def _spoilt(cost: Mapping[str, Any]) -> bool:
    return bool(cost["failed"] or cost["retransmissions"] > cost["operations"] * _REPEATED)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(readings: Sequence[Reading]) -> str:
    costs = [reading.cost for reading in readings if reading.cost and not reading.cost["failed"]]
    if costs:
        middle = {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}
        return (
            f"{middle['server']:.0f} + {middle['database']:.0f} ({middle['p50']:.0f}/{middle['p99']:.0f} ms)"
        )
    if not readings:
        return ""
    if readings[0].cost:
        return "failed"
    value = statistics.median(reading.value for reading in readings)
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _order(names: Iterable[str]) -> list[str]:
    """Each once, in the order of its first time."""
    return list(dict.fromkeys(names))
