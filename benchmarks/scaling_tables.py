"""The tables of docs/scaling.md, computed from the inputs. Everything is rounded down for people.

Must not know where the tables stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from benchmarks.report import table
from benchmarks.scaling_avalanche import Avalanche, Crowd, Return
from benchmarks.scaling_box import MICRO, NAMES, Box, Carrier, Mix, largest
from benchmarks.scaling_boxes import Boxes, active, cells, largest_cell, pair, shares
from benchmarks.scaling_check import compared

OFFICE = Mix("office", 1800, 2)
HOMES = Mix("homes", 1800, 0.5, asked=20)
SHORT = Mix("homes, short", 60, 0.5)
STREAMS = Mix("TCP", 1800, 0.5, alive=120, tcp=1)
MIXES = (OFFICE, HOMES, SHORT, STREAMS)
SIZES = (2, 8, 64)
_SUBSCRIBERS = (100, 1_000, 10_000, 50_000, 100_000, 300_000, 1_000_000)
_CORES = (2, 4, 8, 16, 32, 64)
_WORKERS = (1, 2, 4, 8, 16, 32, 64)
#: So long a worker needs for the crowd that is too much.
_TOO_MUCH_SECONDS = 90
_TEN_MILLION = 10_000_000
#: How many boxes, and the registrations a second that one of them takes.
_BOXES, _SHARES_RATE = (1, 2, 3, 5, 10), 300
_GB = 1e9
_NO_LIMIT = 1e8
#: What uses up a resource.
_WORDS = dict(
    zip(
        NAMES,
        (
            "CPU: one worker, its core busy for 70 %",
            "CPU: all cores, workers and MariaDB busy for 70 %",
            "CPU: one connection to MariaDB",
            "rows a second that MariaDB writes",
            "memory, 4 GB a core",
            "open TCP connections, 16,384 a worker",
            "packets that the kernel hands to sockets",
            "keep-alives, 5,000 a second and worker",
            "power cut: all back within 5 minutes",
        ),
        strict=True,
    )
)


def box_table(carrier: Carrier) -> str:
    """How big a box."""
    rows = []
    for phones in _SUBSCRIBERS:
        found = [_smallest(carrier, mix, phones) for mix in MIXES]
        rows.append(
            [
                f"{phones:,}",
                *(_named(carrier, mix, box, phones) for mix, box in zip(MIXES, found, strict=True)),
            ]
        )
    return table(["phones", *(mix.name for mix in MIXES)], rows)


def mixes_table() -> str:
    """What the mixes are."""
    rows = [
        [
            mix.name,
            _seconds(mix.every),
            f"{mix.calls:g}",
            "server asks every 20 s"
            if mix.asked
            else (f"phone says so every {mix.alive:g} s" if mix.alive else "none"),
            "TCP" if mix.tcp else "UDP",
        ]
        for mix in MIXES
    ]
    return table(["", "registers every", "calls in the busy hour", "keep-alives", "transport"], rows)


def carried_table(carrier: Carrier) -> str:
    """Phones on 2, 8 and 64 cores, and what the limit is."""
    rows = []
    for mix in MIXES:
        for cores in SIZES:
            box = carrier.best(cores, mix)
            phones = carrier.phones(box, mix)
            waited = carrier.latency(box, mix, phones)
            rows.append(
                [
                    mix.name,
                    str(cores),
                    str(box.workers),
                    two_digits(phones),
                    carrier.use(box, mix, phones).first,
                    two_digits(phones / mix.every),
                    two_digits(phones * mix.calls / 3600),
                    f"{waited.p50:.0f} / {waited.p99:.0f} ms",
                    f"{carrier.start(box, phones):.0f} s",
                ]
            )
    heads = ["mix", "cores", "workers", "phones", "limit", "registrations/s", "calls/s", "p50 / p99", "start"]
    return table(heads, rows)


def limits_table(carrier: Carrier) -> str:
    """How many phones each resource alone would carry on eight cores with eight workers."""
    box = carrier.box(8, 8)
    rows = [
        [_WORDS[name], *(_alone(carrier, box, mix, at) for mix in MIXES)] for at, name in enumerate(NAMES)
    ]
    return table(["limit", *(mix.name for mix in MIXES)], rows)


def workers_table(carrier: Carrier) -> str:
    """What more workers bring when each has a core, and MariaDB has others."""
    rows = []
    for workers in _WORKERS:
        box = Box(workers * 2, math.inf, workers)
        phones = carrier.phones(box, SHORT)
        rate = phones / SHORT.every
        heard = (
            rate * (workers - 1) / workers * carrier.inputs["hearing"] * carrier.inputs["in place"] * MICRO
        )
        rows.append(
            [
                str(workers),
                two_digits(rate),
                f"{heard / carrier.inputs['busiest']:.0%}",
                f"{workers * carrier.inputs['binding'] * 1e5 / _GB:.2g} GB",
            ]
        )
    return table(
        [
            "workers",
            "registrations/s",
            "of a worker's time: hearing the others",
            "memory for 100,000 bindings",
        ],
        rows,
    )


def power_cut_table(carrier: Carrier) -> str:
    """All phones at once, by the size of the box."""
    rows = []
    for phones, cores, workers in (
        (1_000, 2, 1),
        (10_000, 2, 1),
        (100_000, 2, 1),
        (100_000, 2, 2),
        (300_000, 8, 6),
        (1_000_000, 8, 6),
        (1_000_000, 64, 32),
    ):
        come = Avalanche(crowd(carrier, carrier.box(cores, workers), phones)).run()
        rows.append([f"{phones:,}", str(cores), str(workers), *_came(come)])
    return table(["phones", "cores", "workers", *_CAME], rows)


def backoff_table(carrier: Carrier) -> str:
    """What phones and server can do about it, when there are many times more than come in without a loss."""
    box = carrier.box(2, 1)
    phones = _round_down(_TOO_MUCH_SECONDS * carrier.cold_rate(box))
    base = crowd(carrier, box, phones)
    refusing = replace(base, refuse_above=1000)
    rows = []
    for name, asked in (
        ("as it is: nobody is refused; who fails tries again after 15 to 30 s", base),
        ("phones wait twice as long after each failure (RFC 5626)", replace(base, doubling=True)),
        ("phones are up within 5 s, not 30", replace(base, spread=5)),
        ("phones are up within 2 minutes", replace(base, spread=120)),
        ("503 above 1,000 waiting, Retry-After 5 s", replace(refusing, retry_after=5)),
        ("503 above 1,000 waiting, Retry-After 60 s", replace(refusing, retry_after=60)),
        ("503 above 1,000 waiting, Retry-After 180 s", replace(refusing, retry_after=180)),
    ):
        rows.append([name, *_came(Avalanche(asked).run())])
    return table([f"{phones:,} phones, one worker", *_CAME], rows)


_CAME = ("half are back", "99 % are back", "the work alone", "messages a phone", "dropped", "gave up once")


def _came(come: Return) -> list[str]:
    return [
        _until(come.half),
        _until(come.most),
        f"{come.least:.0f} s",
        f"{come.messages:.1f}" if math.isfinite(come.most) else "",
        f"{come.dropped:.0%}",
        f"{come.gave_up:.0%}",
    ]


def crowd(carrier: Carrier, box: Box, phones: int) -> Crowd:
    """One worker's share of all phones, when each comes for the first time after the start.

    Where there are fewer cores than processes that want one, everything takes longer in proportion.
    """
    inputs = carrier.inputs
    total = box.workers / carrier.cold_rate(box)
    challenge = total * inputs["challenge share"]
    return Crowd(
        phones // box.workers,
        inputs["boot spread"],
        challenge,
        total - challenge,
        challenge * inputs["absorbed"],
        challenge * inputs["refusal"],
        max(inputs["commits apart"], inputs["sync p99"] / 1000),
        int(inputs["socket holds"]),
        inputs["T1"],
        inputs["gives up"],
        inputs["phone retries"],
    )


def boxes_table(carrier: Carrier) -> str:
    """One, a pair, three and five."""
    rows = []
    for mix in (OFFICE, HOMES, SHORT):
        for cores in SIZES:
            one = carrier.phones(carrier.best(cores, mix), mix)
            several = [
                pair(carrier, cores, mix),
                active(carrier, cores, mix, 3),
                active(carrier, cores, mix, 5),
            ]
            rows.append([mix.name, str(cores), two_digits(one), *map(_several, several)])
    heads = ["mix", "cores of each", "one box", "pair", "three boxes", "five boxes"]
    return table(heads, rows)


def shares_table(carrier: Carrier) -> str:
    """What one registration costs so many boxes: the model, and what was measured."""
    rows = []
    for count in _BOXES:
        model, measured = shares(carrier, _SHARES_RATE, count), carrier.inputs.boxes.get(str(count), {})
        places = (
            (model.server, "sipbox at the first, µs"),
            (model.database, "MariaDB at the first, µs"),
            (model.other_server, "sipbox at another, µs"),
            (model.other_database, "MariaDB at another, µs"),
        )
        cells = [_and_measured(cost, measured.get(what)) for cost, what in places]
        if count == 1:
            cells[2:] = ["", ""]
        rows.append([str(count), *cells, f"{two_digits(model.together(count))} µs"])
    heads = [
        "boxes",
        "sipbox, where the phone is",
        "MariaDB there",
        "sipbox at each other",
        "MariaDB at each",
    ]
    return table([*heads, "all together"], rows)


def ten_million_table(carrier: Carrier) -> str:
    """Ten million subscribers in cells."""
    rows = []
    for mix in (OFFICE, HOMES, SHORT):
        for cores in SIZES:
            box = pair(carrier, cores, mix).box
            most = largest_cell(carrier, box, mix)
            found = cells(carrier, box, mix, _TEN_MILLION, most)
            rows.append(
                [
                    mix.name,
                    str(cores),
                    f"{found.number:,}",
                    two_digits(found.phones),
                    f"{found.number * 2 * cores:,}",
                    two_digits(found.rate),
                    two_digits(_TEN_MILLION / mix.every),
                    two_digits(_TEN_MILLION * mix.calls / 3600),
                ]
            )
    heads = ["mix", "cores of a box", "pairs", "phones of each", "cores of all", "registrations/s of a pair"]
    return table([*heads, "registrations/s of all", "calls/s of all"], rows)


def inputs_table(kept: Mapping[str, object], kind: str) -> str:
    """The figures of one kind: ``measured``, ``setting`` or ``assumed``."""
    figures = kept["figures"]
    assert isinstance(figures, dict)
    rows = [
        [figure["meaning"], _figure(figure["value"], figure["unit"]), figure["from"]]
        for figure in figures.values()
        if figure["kind"] == kind
    ]
    return table(["", "", "from" if kind != "assumed" else "why"], rows)


def check_table(carrier: Carrier) -> str:
    """The model beside what was measured."""
    rows = [
        [
            one.what,
            f"{_digits(one.measured)} {one.unit}",
            f"{_digits(one.model)} {one.unit}" if math.isfinite(one.model) else "more than it can",
            f"{one.error:+.0%}" if math.isfinite(one.error) else "",
        ]
        for one in compared(carrier)
    ]
    return table(["", "measured", "model", "error"], rows)


# -- the pieces of tables ------------------------------------------------------------------------------------


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _figure(value: float, unit: str) -> str:
    """A figure with its unit; bytes as people say them."""
    if unit == "bytes" and value >= 1e4:
        power = min(3, int(math.log10(value) // 3))
        return f"{value / 1000**power:.3g} {('', 'KB', 'MB', 'GB')[power]}"
    return f"{value:,.0f} {unit}".strip() if value >= 1000 else f"{value:.3g} {unit}".strip()


def two_digits(value: float) -> str:
    """Rounded down to two digits: 1,240,000 becomes 1,200,000."""
    if value < 1:
        return f"{value:.1g}" if value > 0 else "0"
    return f"{_round_down(value):,}"


def _round_down(value: float) -> int:
    step: int = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return math.floor(value / step) * step


def _smallest(carrier: Carrier, mix: Mix, phones: int) -> Box | None:
    """The fewest cores, and on them the fewest workers, that carry so many."""
    for cores in _CORES:
        for workers in _counts(cores):
            box = carrier.box(cores, workers)
            if max(carrier.use(box, mix, phones)) <= 1:
                return box
    return None


def _counts(cores: int) -> Iterable[int]:
    return (each for each in range(1, cores + 1) if each < 16 or each % 4 == 0)


def _named(carrier: Carrier, mix: Mix, box: Box | None, phones: int) -> str:
    if box is None:
        return "more than one box"
    memory = carrier.memory(box, mix, phones) / carrier.inputs["memory share"] / _GB
    cores = f"{box.cores} cores"
    workers = "1 worker" if box.workers == 1 else f"{box.workers} workers"
    return f"{cores}, {workers}, {2 ** max(1, math.ceil(math.log2(memory)))} GB"


def _alone(carrier: Carrier, box: Box, mix: Mix, at: int) -> str:
    """How many phones one resource carries when nothing else is short."""
    found = largest(lambda phones: carrier.use(box, mix, phones)[at] <= 1)
    return two_digits(found) if found < _NO_LIMIT else "–"


def _several(found: Boxes) -> str:
    return f"{two_digits(found.phones)} ({found.first})"


def _and_measured(model: float, measured: float | None) -> str:
    told = f"{two_digits(model)} µs"
    return told if measured is None else f"{told} (measured {two_digits(measured)})"


def _until(seconds: float) -> str:
    return f"{seconds:.0f} s" if math.isfinite(seconds) else "they block one another"


def _seconds(value: float) -> str:
    return f"{value / 60:g} min" if value >= 60 else f"{value:g} s"


def all_tables(carrier: Carrier, kept: Mapping[str, object]) -> dict[str, str]:
    """Each table by its name in the page."""
    return {
        "box": box_table(carrier),
        "mixes": mixes_table(),
        "carried": carried_table(carrier),
        "limits": limits_table(carrier),
        "workers": workers_table(carrier),
        "power cut": power_cut_table(carrier),
        "backoff": backoff_table(carrier),
        "boxes": boxes_table(carrier),
        "shares": shares_table(carrier),
        "ten million": ten_million_table(carrier),
        "check": check_table(carrier),
        "measured": inputs_table(kept, "measured"),
        "settings": inputs_table(kept, "setting"),
        "assumed": inputs_table(kept, "assumed"),
    }
