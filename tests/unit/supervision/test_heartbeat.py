from __future__ import annotations

from appliance.supervision.heartbeat import Heartbeat
from appliance.supervision.notify import Notifier


class Told(Notifier):
    """Keeps what would be told."""

    def __init__(self, watchdog_seconds: float = 20.0) -> None:
        super().__init__("", watchdog_seconds)
        self.words: list[str] = []

    def alive(self) -> None:
        self.words.append("alive")

    def status(self, text: str) -> None:
        self.words.append(text)


class Bench:
    def __init__(self, watchdog_seconds: float = 20.0) -> None:
        self.now, self.line, self.unread = 100.0, "ready", list[str]()
        self.told = Told(watchdog_seconds)
        self.heart = Heartbeat(self.told, lambda: self.line, lambda: self.unread, clock=lambda: self.now)
        self.heart._due = self.now

    def beat(self, *, late: float = 0.0) -> list[str]:
        self.told.words.clear()
        self.now += late
        self.heart.beat()
        self.now += self.heart.every
        return self.told.words


def test_the_status_is_told_when_it_has_changed() -> None:
    bench = Bench()
    assert bench.beat() == ["ready", "alive"]
    assert bench.beat() == ["alive"]
    bench.line = "ready: 2 bindings"
    assert bench.beat() == ["ready: 2 bindings", "alive"]


def test_a_loop_that_comes_far_too_late_is_not_alive() -> None:
    bench = Bench()
    bench.beat()
    assert bench.beat(late=9) == ["alive"]
    assert bench.beat(late=11) == []
    assert bench.beat() == ["alive"]


def test_sockets_that_nobody_reads_are_no_life() -> None:
    bench = Bench()
    bench.beat()
    bench.unread = ["udp:127.0.0.1:5060"]
    assert bench.beat() == []
    bench.unread = []
    assert bench.beat() == ["alive"]


def test_it_beats_at_least_four_times_in_the_time_of_the_watchdog() -> None:
    assert Bench(watchdog_seconds=4).heart.every == 1.0
    assert Bench(watchdog_seconds=30).heart.every == 2.0


def test_without_a_watchdog_there_is_the_status_alone() -> None:
    bench = Bench(watchdog_seconds=0)
    assert bench.beat() == ["ready"]
    assert bench.beat() == []
