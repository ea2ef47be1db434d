"""The door in front of everything: whether a message of this sender is read at all.

Whoever is known by his address (``familiar``) passes after one look into a dictionary. All others are
strangers, and have

- an allowance each, so that one of them alone is dropped beyond it,
- one for all of them together. While it suffices nobody notices; beyond it are **hard times**, in which a
  datagram of a source that was not heard a moment ago is dropped and its source noted: an honest sender
  repeats it half a second later (RFC 3261 §17.1) and gets through by an allowance for hard times, while a
  flood that has a new address in each packet never comes again from one of them.

Requests that fail are counted apart: of those who have proved their address they lead to a ban, of datagrams
that anybody may have forged to 60 seconds of silence, of known sources to being counted as a stranger is.

``now`` is monotonic. Must not know sockets, nor what is in a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from appliance.protection.allowance import Allowance, Allowances
from appliance.protection.bans import Ban, Bans
from appliance.protection.familiar import Familiar
from appliance.protection.remembered import Remembered
from appliance.protection.source import source_of
from appliance.sip.hop import Hop

#: The longest that somebody is limited for what came by datagrams, whose sender anybody can forge.
UNPROVED_SECONDS = 60.0
#: In hard times a datagram has to be repeated within so many seconds.
AGAIN_SECONDS = 4.0
#: What each source may do in hard times: at once, and a second.
HARD_TIMES = (6.0, 1.0)
#: How many failures a known source may have before it is counted: at once, and a second.
KNOWN_FAILURES = (200.0, 5.0)


class Rejections(Protocol):
    """Where messages are counted that nobody reads."""

    @property
    def messages_rejected(self) -> dict[str, int]: ...


class Rates(NamedTuple):
    """The settings: ``burst`` and ``per_second`` of one stranger, ``together`` a second of all of them,
    ``failures`` of one at once and ``failures_per_minute``; ``room`` is how many sources are remembered in
    each table."""

    burst: int = 300
    per_second: int = 50
    together: int = 1000
    failures: int = 10
    failures_per_minute: int = 2
    room: int = 16_384


class Door:
    """``dropped`` counts what was dropped, by the reason; ``banned(ban)`` is told of each new ban."""

    def __init__(
        self,
        rates: Rates,
        familiar: Familiar,
        bans: Bans,
        clock: Callable[[], float],
        dropped: dict[str, int],
        banned: Callable[[Ban], None],
    ) -> None:
        self.familiar = familiar
        self.bans = bans
        self._sources = familiar.sources
        self._clock = clock
        self._dropped = dropped
        self._banned = banned
        room = rates.room
        self._each = Allowances(rates.burst, rates.per_second, room)
        self._together = Allowance(rates.together * 2, rates.together)
        self._hard = Allowances(*HARD_TIMES, room)
        self._heard = Remembered(room * 4)
        self._failures = Allowances(rates.failures, rates.failures_per_minute / 60, room)
        self._unproved = Allowances(rates.failures * 3, rates.failures_per_minute / 20, room)
        self._silenced = Remembered(room)
        self._known_failures = Allowances(*KNOWN_FAILURES, room)
        self._held: dict[str, float] = {}  # known sources with many failures, and until when
        self._hard_until = 0.0

    @property
    def remembered(self) -> int:
        """How many sources are remembered in all tables."""
        tables = (self._each, self._hard, self._heard, self._failures, self._unproved, self._silenced)
        return sum(len(table) for table in tables) + len(self._known_failures)

    def is_hard(self, now: float) -> bool:
        """Whether strangers have been more than may be, a moment ago."""
        return self._hard_until > now

    # -- before a message is read ----------------------------------------------------------------------------

    def admits(self, host: str, reliable: bool) -> bool:
        """Whether a message from ``host``, or a connection (``reliable``), is taken."""
        source = host if ":" not in host else source_of(host)
        if source in self._sources and not (self._held and source in self._held):
            return True
        return self._admits_stranger(source, reliable)

    def _admits_stranger(self, source: str, reliable: bool) -> bool:
        now = self._clock()
        familiar = self.familiar
        if familiar.knows(source, now):
            if self._held.get(source, 0.0) <= now or self._each.take(source, now):
                return True
            return self._drops("known")
        if self.bans.holds(source, now):
            return self._drops("banned")
        if self._silenced.get(source) > now and not reliable:
            return self._drops("failures")
        if not self._each.take(source, now):
            return self._drops("source")
        if self._together.take(now):
            return True
        self._hard_until = now + AGAIN_SECONDS
        if reliable or self._heard.get(source) > now:
            return self._hard.take(source, now) or self._drops("strangers")
        self._heard.put(source, now + AGAIN_SECONDS)
        return self._drops("strangers")

    def _drops(self, reason: str) -> bool:
        self._dropped[reason] += 1
        return False

    # -- what became of it -----------------------------------------------------------------------------------

    def is_known(self, host: str) -> bool:
        """Whether the host is known by its address."""
        source = host if ":" not in host else source_of(host)
        return source in self._sources or self.familiar.knows(source, self._clock())

    def succeeded(self, host: str) -> None:
        """Somebody there has proved who he is: what he has used up is given back."""
        source = host if ":" not in host else source_of(host)
        if source in self._sources:
            return
        self._each.refill(source)
        self.familiar.prove(source, self._clock())

    def failed(self, host: str, reason: str, proved: bool) -> None:
        """A request failed in a way that honest ones seldom do. ``proved``: the sender has that address."""
        source = source_of(host)
        now = self._clock()
        if self.familiar.knows(source, now):
            self._known_failed(source, now)
        elif not proved:
            if not self._unproved.take(source, now):
                self._silenced.put(source, now + UNPROVED_SECONDS)
        elif not self._failures.take(source, now):
            self._failures.refill(source)
            self._banned(self.bans.strike(source, reason, now))

    def _known_failed(self, source: str, now: float) -> None:
        if self.familiar.is_exempt(source):
            return
        if not self._known_failures.take(source, now):
            if len(self._held) > 1000:
                self._held = {each: until for each, until in self._held.items() if until > now}
            if len(self._held) <= 1000:
                self._held[source] = now + UNPROVED_SECONDS

    def tick(self) -> None:
        """What is over goes; to be called about once a second."""
        now = self._clock()
        self.bans.expire(now)
        if self._held:
            self._held = {each: until for each, until in self._held.items() if until > now}


class Guarded:
    """Whoever takes messages, behind the door: ``receive(data, hop)`` drops what is not admitted."""

    def __init__(self, door: Door, receive: Callable[[bytes, Hop], None], metrics: Rejections) -> None:
        self._door = door
        self._receive = receive
        self._rejected = metrics.messages_rejected

    def receive(self, data: bytes, hop: Hop) -> None:
        if self._door.admits(hop.host, hop.transport != "udp"):
            self._receive(data, hop)
        else:
            self._rejected["rate_limited"] += 1
