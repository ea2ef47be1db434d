"""What the scaling model is fed with: scaling_inputs.json, which says of each figure where it comes from.

A figure is *measured* (``reading`` names it in the files of benchmarks/results/), a *setting* (of sipbox or
of its units; ``constant`` names one in the code), or *assumed*, with the reason. ``renewed`` takes what was
measured last into the file, so that new measurements change the answers. Must not know what is computed.
"""

from __future__ import annotations

import importlib
import json
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.names import ONE_WORKER, SIPBOX, TWO_WORKERS

FILE = Path(__file__).parent / "scaling_inputs.json"
RESULTS = Path(__file__).parent / "results"
_FIRST_CALL, _ALL_LOADED = "first call, s", "all loaded, s"
_RATE = re.compile(r"(registration|call), ([\d,]+)/s")
_HALF = re.compile(r"(registration|call), half the highest rate")
_TWO = re.compile(r"one, workers: (registration|call), ([\d,]+)/s( together| each)?")
_BOXES_RATE = 300
_BOXES = re.compile(rf"(\d+) boxes, registration, {_BOXES_RATE}/s: (.+)")
_LOADED = re.compile(r"start, ([\d,]+) bindings: all loaded, s")


#: Whose readings count, and what is put before the name of what was measured.
_OURS = {SIPBOX: "", ONE_WORKER: "one, ", TWO_WORKERS: "two, "}


class Load(NamedTuple):
    """What was measured under a load: rate a second, CPU µs an operation of the server and of the database,
    latency in ms. ``busy`` is how many processes wanted the two cores before, ``file`` where it stands.
    """

    what: str
    rate: float
    server: float
    database: float
    p50: float
    p99: float
    busy: float
    sync_p99: float
    file: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """All figures. µs are of CPU unless the name says otherwise; bytes, seconds and ms as named."""

    registrations: tuple[Load, ...]
    calls: tuple[Load, ...]
    cold: Load
    highest: Mapping[str, float]
    two_workers: Mapping[str, float]
    cores_measured: int
    cold_call_s: float
    loaded_s: float
    loaded_bindings: float
    figures: Mapping[str, float]
    boxes: Mapping[str, Mapping[str, float]]  # what a registration costs so many, by their number

    def __getitem__(self, name: str) -> float:
        return self.figures[name]


def inputs(kept: Mapping[str, Any] | None = None) -> Inputs:
    """What the file says, or ``kept``, which has its shape. Raises KeyError for a figure that is missing."""
    kept = json.loads(FILE.read_text()) if kept is None else kept
    loads = [Load(**load) for load in kept["loads"]]
    start = kept["start"]
    return Inputs(
        tuple(load for load in loads if load.what == "registration"),
        tuple(load for load in loads if load.what == "call"),
        next(load for load in loads if load.what == "cold registration"),
        kept["highest"],
        kept["two workers"],
        kept["cores"],
        start[_FIRST_CALL],
        start[_ALL_LOADED],
        start["bindings"],
        {name: figure["value"] for name, figure in kept["figures"].items()},
        kept["boxes"],
    )


def renewed(kept: Mapping[str, Any], results: Path = RESULTS) -> dict[str, Any]:
    """``kept`` with what the files in ``results`` say, for each figure the newest that has it."""
    found = _readings(results)
    new: dict[str, Any] = json.loads(json.dumps(kept))
    for figure in new["figures"].values():
        reading = figure.get("reading")
        if reading in found:
            figure["value"] = round(_middle(found[reading].values), 2)
            figure["from"] = found[reading].file
        if constant := figure.get("constant"):
            figure["value"] = _constant(constant)
    loads = list(filter(None, (_load(what, found) for what in found)))
    for kind in dict.fromkeys(load.what for load in loads):
        # A curve is drawn through what one run has measured: machines and releases differ.
        newest = max(load.file for load in loads if load.what == kind)
        others = [Load(**load) for load in new["loads"] if load["what"] != kind]
        its = [load for load in loads if load.what == kind and load.file == newest]
        new["loads"] = [load._asdict() for load in sorted(others + its)]
    for what in ("registration", "call"):
        if highest := found.get(f"highest rate, {what}s/s"):
            new["highest"][what] = _middle(highest.values)
    _take_two_workers(new, found)
    _take_start(new, found)
    _take_boxes(new, found)
    return new


class _Found(NamedTuple):
    """All readings of one thing in the newest file that has it."""

    values: list[float]
    costs: list[Mapping[str, Any]]
    machine: Mapping[str, str]
    file: str


def _readings(results: Path) -> dict[str, _Found]:
    """The newest file that measured a thing counts, by the time in its name."""
    found: dict[str, _Found] = {}
    for file in sorted(results.glob("*.json")):
        run = json.loads(file.read_text())
        if "readings" not in run:
            continue
        here: dict[str, _Found] = {}
        for reading in run["readings"]:
            cost = reading["cost"]
            if reading["server"] not in _OURS or (cost and cost["failed"]):
                continue
            what = _OURS[reading["server"]] + reading["what"]
            one = here.setdefault(what, _Found([], [], run["machine"], file.name))
            one.values.append(reading["value"])
            if cost:
                one.costs.append(cost)
        found.update(here)
    return found


def _load(what: str, found: Mapping[str, _Found]) -> Load | None:
    one = found[what]
    if not one.costs:
        return None
    if told := _RATE.fullmatch(what):
        kind, rate = told[1], float(told[2].replace(",", ""))
    elif told := _HALF.fullmatch(what):
        highest = found.get(f"highest rate, {told[1]}s/s")
        if highest is None or highest.file != one.file:
            return None
        kind, rate = told[1], _middle(highest.values) / 2
    elif what == "registration, first after a start":
        kind, rate = "cold registration", 1000.0
    else:
        return None
    cost = {key: _middle(each[key] for each in one.costs) for key in ("server", "database", "p50", "p99")}
    return Load(
        kind,
        rate,
        round(cost["server"], 1),
        round(cost["database"], 1),
        cost["p50"],
        cost["p99"],
        _leading_number(one.machine["load before"]),
        _leading_number(one.machine["fdatasync p99"]),
        one.file,
    )


def _take_two_workers(new: dict[str, Any], found: Mapping[str, _Found]) -> None:
    """What an operation costs two workers through what it costs one, of the newest file that has both."""
    pairs = {}
    for what, one in found.items():
        two = found.get(f"two, {what.removeprefix('one, ')}")
        if what.startswith("one, ") and _TWO.fullmatch(what) and two is not None and two.file == one.file:
            pairs[what.removeprefix("one, workers: ")] = one, two
    newest = max((one.file for one, _ in pairs.values()), default="")
    if newest:
        new["two workers"] = {
            what: round(_middle(two.values) / _middle(one.values), 3)
            for what, (one, two) in pairs.items()
            if one.file == newest
        }


def _take_start(new: dict[str, Any], found: Mapping[str, _Found]) -> None:
    """The start with the most bindings that was measured to its end."""
    counts = [int(told[1].replace(",", "")) for what in found if (told := _LOADED.fullmatch(what))]
    if not counts:
        return
    name = f"start, {max(counts):,} bindings: "
    parts = {part: found.get(f"{name}{part}") for part in (_FIRST_CALL, _ALL_LOADED)}
    if all(parts.values()):
        new["start"] = {"bindings": max(counts)} | {
            part: round(_middle(one.values), 2) for part, one in parts.items() if one is not None
        }
    if memory := found.get(f"{name}memory a binding, bytes"):
        new["figures"]["binding"] |= {"value": round(_middle(memory.values), 1), "from": memory.file}


def _take_boxes(new: dict[str, Any], found: Mapping[str, _Found]) -> None:
    """What a registration costs one box, two, three, of the newest file that has it."""
    shares = [(told, one) for what, one in found.items() if (told := _BOXES.fullmatch(what))]
    if newest := max((one.file for _, one in shares), default=""):
        new["boxes"] = {}
        for told, one in shares:
            if one.file == newest:
                new["boxes"].setdefault(told[1], {})[told[2]] = round(_middle(one.values), 1)
        new["boxes at"] = {"rate": _BOXES_RATE, "file": newest}


def _constant(place: str) -> float:
    """``module:NAME`` of the server; 0 when it has no such thing any more."""
    module, _, name = place.partition(":")
    try:
        return float(getattr(importlib.import_module(module), name, 0.0))
    except ImportError:
        return 0.0


def _middle(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def _leading_number(text: str) -> float:
    return float(text.split(maxsplit=1)[0])
