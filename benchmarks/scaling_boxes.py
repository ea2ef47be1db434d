"""What several boxes carry: a pair, boxes that all know everything, cells that share nothing but names.

MariaDB Galera has every member certify and write every row; a commit
waits for the network once. Where all boxes know all bindings, each worker of each box hears of every
registration and has every binding in memory; cells are pairs with subscribers of their own, and a call to
another cell passes one box more. Must not know how figures are shown.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from benchmarks.scaling_box import MICRO, Box, Carrier, Mix, Use, largest


class Boxes(NamedTuple):
    """Boxes that know all phones together: each has its share, and may have to take over a dead one's.
    ``added`` is milliseconds that a registration waits for the network.
    """

    number: int
    box: Box
    phones: int
    first: str
    added: float


class Shares(NamedTuple):
    """CPU µs of one registration: of sipbox and MariaDB at the box that takes it, and at each other one."""

    server: float
    database: float
    other_server: float
    other_database: float

    def together(self, count: int) -> float:
        """Of so many boxes."""
        return self.server + self.database + (count - 1) * (self.other_server + self.other_database)


class Cells(NamedTuple):
    """``number`` pairs, each with so many ``phones`` of its own, at ``rate`` registrations a second; ``busy``
    is how much of what it may use the active box of each does.
    """

    number: int
    phones: int
    rate: float
    busy: float


def shares(carrier: Carrier, rate: float, count: int) -> Shares:
    """What a registration costs ``count`` boxes with a worker each, one of which takes ``rate`` a second."""
    own = carrier.registration(rate) / rate / MICRO
    rows = carrier.rows(rate, 1) / rate / MICRO
    if count == 1:
        return Shares(own, rows, 0.0, 0.0)
    commits, piece = carrier.commits(rate) / rate, carrier.piece
    return Shares(
        own + (piece("telling a box") + (count - 2) * piece("telling one box more")) / MICRO,
        rows + (piece("row certified") + commits * piece("commit certified")) / MICRO,
        piece("hearing a box") / MICRO,
        (piece("row applied") + commits * piece("commit applied")) / MICRO,
    )


@cache
def pair(carrier: Carrier, cores: int, mix: Mix) -> Boxes:
    """One box works, the other one stands by and knows everything."""
    return _most(carrier, cores, mix, 2, 1)


def active(carrier: Carrier, cores: int, mix: Mix, count: int) -> Boxes:
    """All work, and what one had is spread over the others when it dies."""
    return _most(carrier, cores, mix, count, count - 1)


def cells(carrier: Carrier, box: Box, mix: Mix, subscribers: int, most: int) -> Cells:
    """Cells of at most ``most`` phones for ``subscribers``."""
    count = math.ceil(subscribers / most)
    phones = math.ceil(subscribers / count)
    use = _use(carrier, box, _with_calls_between(mix, count), phones, 1)
    return Cells(count, phones, phones / mix.every, max(use))


def largest_cell(carrier: Carrier, box: Box, mix: Mix) -> int:
    """Phones of one cell, when there are many others, so that nearly all calls leave it."""
    far = _with_calls_between(mix, 1000)
    return largest(lambda phones: max(_use(carrier, box, far, phones, 1)) <= 1)


def _with_calls_between(mix: Mix, count: int) -> Mix:
    """A call to another cell passes the caller's and the callee's."""
    return mix._replace(calls=mix.calls * (2 - 1 / count))


def _most(carrier: Carrier, cores: int, mix: Mix, count: int, at_work: int) -> Boxes:
    best: Boxes | None = None
    added = 2 * carrier.inputs["round trip"]  # certified by all, then told to all
    for workers in (each for each in range(1, cores + 1) if each < 16 or each % 4 == 0):
        box = carrier.box(cores, workers)
        found = largest(lambda known: max(_use(carrier, box, mix, known, at_work)) <= 1)  # noqa: B023
        if best is None or found > best.phones:
            first = _use(carrier, box, mix, found, at_work).first
            best = Boxes(count, box, found, first, added)
    assert best is not None
    return best


def _use(carrier: Carrier, box: Box, mix: Mix, known: float, at_work: int) -> Use:
    """Of one that works; the one that stands by hears and writes as much, and has no phones of its own."""
    # A little more is known than its own even where one box does all: every row is certified.
    return carrier.use(box, mix, known / at_work, known * (1 + 1e-9))
