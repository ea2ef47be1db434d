"""What boxes tell one another of strangers: who is banned, and whose password was guessed at.

A source that is banned at one box is banned at all of them, but for those that know it by its address; a ban
that is lifted at one is lifted everywhere. It is told a few times in a row, then now and then for as long as
it holds, so nobody has to acknowledge anything: packets may be lost, come twice, or overtake one another, and
a box that was away learns it all the same. What counts is when it was said. Wrong passwords are told as
counts for each user, once; some may get lost. How much a source sends is each box's own business, not told.

Wall seconds in what is told, monotonic ones inside. Must not know sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from appliance.neighbours.frames import BanRow
from appliance.protection.bans import Ban, Bans
from appliance.protection.guesses import Guesses
from appliance.protection.making import BANS
from appliance.protection.source import named_source

#: How often a ban is told at once, a second apart.
_TOLD: Final = 3
#: So many bans of some 60 bytes, or users of some 100, in one packet, which fits into one Ethernet frame.
_IN_ONE: Final = 10
#: What is told in a second: bans that are new, bans that hold since long, users.
_NEW: Final = 200
_AGAIN: Final = 10
_USERS: Final = 100
#: For how long it is known that a ban was lifted, in seconds.
_LIFTED_SECONDS: Final = 86_400.0
#: So many bans and lifted ones are known; with more, those that are lifted here are not noted any more.
_MOST: Final = 2 * BANS
#: Two stories of one ban whose times are so near are the same: clocks are corrected all the time.
_SAME: Final = 0.5
#: How far ahead of our clock a ban may have begun: as far as that of any box that is believed. How long one
#: may last: a year, and what is lost when its times are computed.
_AHEAD: Final = 300.0
_LONGEST: Final = 31_536_001.0


class Said(NamedTuple):
    """What one packet says."""

    bans: list[BanRow]
    guesses: dict[str, int]


#: Who is told of a ban that another node has told of: the node, the source, the seconds from its beginning to
#: its end (None: it was lifted), and why.
Heard = Callable[[str, str, float | None, str], None]


class Strangers:
    """``bans`` and ``guesses`` are this worker's; ``is_known(host)`` says who is never banned at this box;
    ``pass_on(counts)`` tells its other workers of wrong passwords, by user. Bans they find in their common
    list. ``heard`` is told of what others have banned and lifted."""

    def __init__(
        self,
        bans: Bans,
        guesses: Guesses,
        is_known: Callable[[str], bool],
        clock: Callable[[], float],
        wall: Callable[[], float],
        pass_on: Callable[[Mapping[str, int]], None],
        heard: Heard,
    ) -> None:
        self._bans = bans
        self._guesses = guesses
        self._is_known = is_known
        self._clock, self._wall = clock, wall
        self._pass_on = pass_on
        self._heard = heard
        self._known: dict[str, BanRow] = {}  # by source; of one that was lifted both times are when
        self._to_tell: dict[str, int] = {}  # how often yet
        self._again: list[str] = []  # those whose turn is to come
        self._changes = -1  # of ``bans``, when it was looked at last
        self._counts: Counter[str] = Counter()

    # -- telling ---------------------------------------------------------------------------------------------

    def guessed(self, counts: Mapping[str, int]) -> None:
        """Wrong passwords at this box, by user; they are told with the next packets."""
        self._counts.update(counts)

    def met(self) -> None:
        """Another box is there that may know nothing."""
        for source in self._known:
            self._to_tell.setdefault(source, 1)

    def says(self) -> Iterator[Said]:
        """What is to be told now, packet by packet, perhaps nothing. To be called once a second."""
        self._look()
        rows = self._next()
        counts, self._counts = self._counts.most_common(_USERS), Counter()
        for first in range(0, len(rows), _IN_ONE):
            yield Said(rows[first : first + _IN_ONE], {})
        for first in range(0, len(counts), _IN_ONE):
            yield Said([], dict(counts[first : first + _IN_ONE]))

    def _next(self) -> list[BanRow]:
        found: list[BanRow] = []
        for source, times in list(self._to_tell.items())[:_NEW]:
            del self._to_tell[source]
            if times > 1:
                self._to_tell[source] = times - 1  # behind the others
            if (row := self._known.get(source)) is not None:
                found.append(row)
        self._again = self._again or list(self._known)
        turn = self._again[-_AGAIN:]
        del self._again[-_AGAIN:]
        found += [self._known[each] for each in turn if each in self._known and each not in self._to_tell]
        return found

    def _look(self) -> None:
        """What was banned and lifted at this box since the last time."""
        wall = self._wall()
        for source in [each for each, row in self._known.items() if _is_over(row, wall)]:
            del self._known[source]
        if self._bans.changes == self._changes:
            return
        self._changes = self._bans.changes
        holding = {row.source: row for row in self._bans.rows(self._clock(), wall)}
        for source, ban in holding.items():
            known, since = self._known.get(source), ban.since
            if known is not None and known[2] <= known[1] < since:
                since = max(since, known[1] + 2 * _SAME)  # it was lifted a moment before
            if known is None or since > known[1] + _SAME:
                self._tell((source, since, ban.until, ban.times, ban.reason))
        for source, known in list(self._known.items()):
            if source not in holding and known[2] > max(known[1], wall + _SAME):
                if len(self._known) > _MOST:
                    del self._known[source]  # so many come and go only where there is no more room for bans
                    continue
                when = max(wall, known[1] + 2 * _SAME)
                self._tell((source, when, when, 0, ""))

    def _tell(self, row: BanRow) -> None:
        self._known[row[0]] = row
        self._to_tell.pop(row[0], None)
        self._to_tell[row[0]] = _TOLD

    # -- hearing ---------------------------------------------------------------------------------------------

    def hear(self, node: str, rows: Sequence[BanRow], counts: Mapping[str, int]) -> None:
        """Another node has said so. Raises ValueError for what is no source."""
        if rows:
            self._look()  # what was done here is known before it is compared
            for row in rows:
                self._take(node, row)
        if counts:
            self._guesses.hear(counts, self._clock())
            self._pass_on(counts)

    def _take(self, node: str, row: BanRow) -> None:
        source, since, until, times, reason = row
        now, wall = self._clock(), self._wall()
        if not since <= wall + _AHEAD or not until <= since + _LONGEST or named_source(source) != source:
            raise ValueError(source)
        known = self._known.get(source)
        if _is_over(row, wall) or (known is not None and since <= known[1] + _SAME):
            return
        if until > since:
            if self._is_known(source.partition("/")[0]):
                return  # the kernel would drop it; it is told again, perhaps when nobody is there any more
            offset = now - wall
            self._bans.hear(Ban(source, since + offset, until + offset, times, reason), now)
            self._heard(node, source, until - since, reason)
        elif self._bans.lift(source):
            self._heard(node, source, None, "")
        self._changes = self._bans.changes
        self._to_tell.pop(source, None)
        if known is not None or len(self._known) < _MOST:
            self._known[source] = row


def _is_over(row: BanRow, wall: float) -> bool:
    """Whether nobody needs to know of it any more."""
    _, since, until, _, _ = row
    return wall > (until if until > since else since + _LIFTED_SECONDS)
