"""How long the phones of one group may ring: Timer C (RFC 3261 §16.8), and a ring time of its own for 'no
answer'.

Each ringing begins Timer C anew, never the ring time. Both are one sleeper on the wheel, who goes to sleep
again when he is woken too early: so a ringing costs no more than an assignment. Must not know what follows on
silence.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.transaction.timers import Sleeper, TimerWheel


class RingTime(Sleeper):
    """Calls ``on_silence(now)`` once, at ``until`` or ``timer_c_until`` (monotonic), unless ``stop`` comes
    before; ``timer_c_until`` may be put off at any time."""

    __slots__ = ("_on_silence", "_wheel", "timer_c_until", "until")

    def __init__(
        self, wheel: TimerWheel, until: float, timer_c_until: float, on_silence: Callable[[float], None]
    ) -> None:
        self.slot = 0
        self.until = until
        self.timer_c_until = timer_c_until
        self._wheel = wheel
        self._on_silence = on_silence
        wheel.enter(self, min(until, timer_c_until))

    def stop(self) -> None:
        """May come at any time, also when the silence has been told."""
        self._wheel.remove(self)

    def wake(self, now: float) -> None:
        if now < self.until and now < self.timer_c_until:
            self._wheel.enter(self, min(self.until, self.timer_c_until))
        else:
            self._on_silence(now)
