"""Who is banned, until when, and for which time: bans of the same source grow (5 minutes, 20, 80 …).

Times are monotonic seconds; with ``rows`` and ``take`` they travel as wall time, to other workers and over a
restart. Must not know why somebody deserves a ban, nor where the list is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from appliance.protection.remembered import Remembered
from appliance.protection.source import Network, is_network

#: Each ban of a source lasts so many times as long as the one before.
GROWTH = 4


class Ban(NamedTuple):
    """``source`` is kept out until ``until``; it is its ``times``-th ban. ``since`` and ``until`` are seconds
    of the clock that the context says."""

    source: str
    since: float
    until: float
    times: int
    reason: str


class Bans:
    """The bans. The first one of a source lasts ``first_seconds``, and none longer than ``longest_seconds``;
    there are at most ``room`` at a time."""

    def __init__(self, first_seconds: float, longest_seconds: float, room: int) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._room = room
        self._bans: dict[str, Ban] = {}
        self._networks: list[tuple[Network, Ban]] = []
        self._times = Remembered(room)
        #: What was changed here and nobody else knows yet; None: it was lifted. While nobody comes for it, as
        #: many as there is room for of those that hold, and of those that were lifted last.
        self.news: dict[str, Ban | None] = {}
        #: Grows whenever one comes, or goes before its time.
        self.changes = 0

    def __len__(self) -> int:
        return len(self._bans)

    def holds(self, source: str, now: float) -> bool:
        """Whether the source is banned."""
        ban = self._bans.get(source)
        if ban is not None and ban.until > now:
            return True
        return bool(self._networks) and self._is_in_a_network(source, now)

    def strike(self, source: str, reason: str, now: float) -> Ban:
        """Bans a source, for longer than the last time."""
        times = int(self._times.get(source)) + 1
        self._times.put(source, float(times))
        seconds = min(self._first * GROWTH ** min(times - 1, 16), self._longest)
        ban = Ban(source, now, now + seconds, times, reason)
        self._put(ban, now)
        self._note(source, ban)
        return ban

    def add(self, source: str, seconds: float, reason: str, now: float) -> Ban:
        """Bans a source or a network, as ``named_source`` writes it, for a time that somebody has chosen."""
        ban = Ban(source, now, now + seconds, int(self._times.get(source)), reason)
        self._put(ban, now)
        self._note(source, ban)
        return ban

    def hear(self, ban: Ban, now: float) -> None:
        """Another box has banned somebody; ``ban`` has times of our clock."""
        if ban.times > self._times.get(ban.source):
            self._times.put(ban.source, float(ban.times))
        self._put(ban, now)
        self._note(ban.source, ban)

    def lift(self, source: str) -> bool:
        """Takes a ban away, and forgets how many there were; False when there is none."""
        self._times.forget(source)
        found = self._bans.pop(source, None) is not None
        if found:
            self._networks = [each for each in self._networks if each[1].source != source]
            self._note(source, None)
            self.changes += 1
        return found

    def expire(self, now: float) -> None:
        """Bans that are over go. To be called about once a second."""
        over = [source for source, ban in self._bans.items() if ban.until <= now]
        for source in over:
            del self._bans[source]
        if over:
            self._networks = [each for each in self._networks if each[1].until > now]

    def listed(self, now: float) -> list[Ban]:
        """Those that hold, the one that ends first at first."""
        return sorted((ban for ban in self._bans.values() if ban.until > now), key=_ends)

    def rows(self, now: float, wall_now: float) -> list[Ban]:
        """The same with wall times."""
        return [_at_wall_time(ban, wall_now - now) for ban in self.listed(now)]

    def newest(self, count: int, now: float, wall_now: float) -> list[Ban]:
        """The last ``count`` of those that hold, the newest first, with wall times."""
        holding = [ban for ban in self._bans.values() if ban.until > now]
        return [_at_wall_time(ban, wall_now - now) for ban in nlargest(count, holding, key=_begins)]

    def take(self, rows: Sequence[Ban], now: float, wall_now: float) -> None:
        """From now on these hold, which have wall times, and no others."""
        self._bans.clear()
        self._networks = []
        self.changes += 1
        for row in rows:
            # A clock that was set meanwhile must not make a ban eternal.
            left = min(row.until - wall_now, max(self._longest, row.until - row.since))
            if left > 0:
                self._put(row._replace(since=row.since - wall_now + now, until=now + left), now)
                if row.times > self._times.get(row.source):
                    self._times.put(row.source, float(row.times))

    def _put(self, ban: Ban, now: float) -> None:
        if len(self._bans) >= self._room and ban.source not in self._bans:
            self.expire(now)
            if len(self._bans) >= self._room:
                soonest = min(self._bans.values(), key=_ends)
                self.lift(soonest.source)
        self._networks = [each for each in self._networks if each[1].source != ban.source]
        self._bans[ban.source] = ban
        self.changes += 1
        if is_network(ban.source):
            self._networks.append((ip_network(ban.source), ban))

    def _note(self, source: str, ban: Ban | None) -> None:
        self.news.pop(source, None)  # the last ones are behind
        self.news[source] = ban
        if len(self.news) > 2 * self._room:
            lifted = [each for each, held in self.news.items() if held is None]
            holding = {each: held for each, held in self.news.items() if held and each in self._bans}
            self.news = {**dict.fromkeys(lifted[-(self._room // 2) :]), **holding}

    def _is_in_a_network(self, source: str, now: float) -> bool:
        try:
            address = ip_address(source.partition("/")[0])
        except ValueError:
            return False
        return any(address in network for network, ban in self._networks if ban.until > now)


def _at_wall_time(ban: Ban, offset: float) -> Ban:
    return ban._replace(since=ban.since + offset, until=ban.until + offset)


def _begins(ban: Ban) -> float:
    return ban.since


def _ends(ban: Ban) -> float:
    return ban.until
