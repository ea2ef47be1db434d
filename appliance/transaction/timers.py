"""The timers of RFC 3261 §17 (table 4) and RFC 6026 §7, and the wheel on which they run.

The wheel has one slot for each tick of the clock: to schedule and to cancel are one dictionary access each,
however many timers run, and nothing of a cancelled timer stays behind. It serves the transactions and whoever
else has to be woken at a time: Timer C, the ring time, the 100 after 200 ms. It must not know what for.

All times are seconds of one monotonic clock that the caller reads; nothing here asks for the time or sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf
from typing import NamedTuple

NEVER = inf


class Timers(NamedTuple):
    """Seconds of the timers that a transaction starts, for one kind of transport.

    ``NEVER`` for A, E and G: the transport repeats what is lost. Zero for D, I, J and K: no copy comes late.
    """

    t2: float
    a: float  # a client's INVITE is sent again (§17.1.1.2)
    b: float  # no answer to an INVITE
    d: float  # copies of a refusal are acknowledged again
    e: float  # a client's other request is sent again (§17.1.2.2)
    f: float  # no answer to another request
    g: float  # a refusal of an INVITE is sent again (§17.2.1)
    h: float  # no ACK came
    i: float  # copies of the ACK are absorbed
    j: float  # copies of another request are answered again (§17.2.2)
    k: float  # copies of its answer are absorbed
    l: float  # noqa: E741 - copies of an accepted INVITE are absorbed (RFC 6026 §7.1)
    m: float  # further 2xx, copies and those of other forks, are passed on (RFC 6026 §7.2)
    trying: float  # another request must have an answer by then, if only a 100 (RFC 4320 §4.1)
    early_trying: bool  # whether a 100 may be sent before that


class TimerSettings(NamedTuple):
    """Seconds: T1, a round trip; T2, the longest pause between two copies; T4, a message's life on the way.

    ``early_trying`` allows what RFC 4320 §4.1 forbids and servers before it did: a 100 at once, over UDP,
    to a request other than INVITE.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    early_trying: bool = False

    @property
    def unreliable(self) -> Timers:
        """The timers over UDP."""
        t1, t2, t4, early_trying = self
        patience = 64 * t1
        return Timers(
            t2=t2,
            a=t1,
            b=patience,
            d=max(32.0, patience),
            e=t1,
            f=patience,
            g=t1,
            h=patience,
            i=t4,
            j=patience,
            k=t4,
            l=patience,
            m=patience,
            # When a client that doubles its pause from T1 reaches T2.
            trying=max(t2 - t1, t1),
            early_trying=early_trying,
        )

    @property
    def reliable(self) -> Timers:
        """The timers over TCP, TLS and WebSockets."""
        return self.unreliable._replace(
            a=NEVER, d=0.0, e=NEVER, g=NEVER, i=0.0, j=0.0, k=0.0, early_trying=True
        )


class Sleeper:
    """Whoever can be woken by a wheel, once at a time. ``slot`` is the wheel's own; 0: not on the wheel."""

    __slots__ = ("slot",)

    def __init__(self) -> None:
        self.slot = 0

    def wake(self, now: float) -> None:
        """Called once, at the time asked for or up to one tick later."""
        raise NotImplementedError


class Timer(Sleeper):
    """One call of ``callback(now)`` in the future; ``cancel`` may come at any time, also when it has rung."""

    __slots__ = ("callback", "wheel")

    def __init__(self, wheel: TimerWheel, callback: Callable[[float], None]) -> None:
        self.slot = 0
        self.wheel = wheel
        self.callback = callback

    @property
    def active(self) -> bool:
        """True until it has rung or was cancelled."""
        return self.slot != 0

    def cancel(self) -> None:
        self.wheel.remove(self)

    def wake(self, now: float) -> None:
        self.callback(now)


class TimerWheel:
    """Sleepers by the tick in which they are woken; ``tick`` is in seconds. Nobody is woken early."""

    __slots__ = ("_current", "_per_second", "_slots", "tick")

    def __init__(self, tick: float = 0.02) -> None:
        self.tick = tick
        self._per_second = 1 / tick
        self._current = 0  # the last slot that has been emptied
        # A dictionary and not a set, so that whoever came first is woken first.
        self._slots: dict[int, dict[Sleeper, None]] = {}

    def schedule(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Has ``callback(now)`` called at ``when``; what is due already is called by the next tick."""
        timer = Timer(self, callback)
        self.enter(timer, when)
        return timer

    def enter(self, sleeper: Sleeper, when: float) -> None:
        """Has ``sleeper`` woken at ``when`` at the latest.

        One who is to be woken earlier already stays where it is: it looks at its own deadline then, and
        enters again. Deadlines mostly move away, so most of these calls cost nothing.
        """
        slot = ceil(when * self._per_second)
        if slot <= self._current:
            slot = self._current + 1
        entered = sleeper.slot
        if entered:
            if entered <= slot:
                return
            self.remove(sleeper)
        sleeper.slot = slot
        sleepers = self._slots.get(slot)
        if sleepers is None:
            self._slots[slot] = {sleeper: None}
        else:
            sleepers[sleeper] = None

    def remove(self, sleeper: Sleeper) -> None:
        """Lets ``sleeper`` sleep; nothing happens when it is not on the wheel."""
        slot = sleeper.slot
        if slot:
            sleeper.slot = 0
            sleepers = self._slots.get(slot)
            if sleepers is not None:
                sleepers.pop(sleeper, None)
                if not sleepers:
                    del self._slots[slot]

    def advance(self, now: float) -> None:
        """Wakes everybody whose time has come.

        An error that somebody raises goes to the caller; those who were to be woken after him are woken
        by the next tick, so nobody is forgotten.
        """
        # A time that is meant to be a whole number of ticks may be a hair less in binary.
        target = int(now * self._per_second + 1e-6)
        behind = target - self._current
        if behind <= 0:
            return
        slots = self._slots
        if behind <= len(slots):
            due = [slot for slot in range(self._current + 1, target + 1) if slot in slots]
        else:
            due = sorted(slot for slot in slots if slot <= target)
        self._current = target
        if not due:
            return
        waking = iter([sleeper for slot in due for sleeper in slots.pop(slot)])
        try:
            for sleeper in waking:
                # Removed, or put to sleep anew, by one that was woken before it: not due any more.
                if 0 < sleeper.slot <= target:
                    sleeper.slot = 0
                    sleeper.wake(now)
        finally:
            for sleeper in waking:
                if 0 < sleeper.slot <= target:
                    sleeper.slot = 0
                    self.enter(sleeper, now)

    @property
    def next_wake(self) -> float | None:
        """When ``advance`` has something to do next; None when nobody sleeps. Looks at every slot in use."""
        return min(self._slots) * self.tick if self._slots else None

    def __len__(self) -> int:
        """How many sleep."""
        return sum(map(len, self._slots.values()))
