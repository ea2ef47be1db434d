"""Who forgets what has run out, and who says so; the core and the rows are played."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from appliance import expiry
from appliance.expiry import Expiry
from appliance.telemetry.metrics import Metrics


class Played:
    """A core whose bindings r1 and r2 have run out, and the table of its rows."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.removed: list[list[str]] = []
        self.crashes: list[Exception] = []
        self.locations = SimpleNamespace(loading=True)
        self.journal = SimpleNamespace(crashed=self.crashes.append)

    def expire(self, now: float, *, tell: bool) -> list[str]:
        self.told.append(tell)
        return ["r1", "r2"]

    def remove_expired(self, ruids: Iterable[str]) -> None:
        self.removed.append(list(ruids))


def expiry_of(played: Any, *, leads: bool = True, metrics: Metrics | None = None) -> Expiry:
    return Expiry(played, played, metrics or Metrics(), lambda: leads)


def test_the_one_that_leads_tells_and_removes_the_rows() -> None:
    played = Played()
    expiry_of(played).sweep(1.0)
    assert (played.told, played.removed) == ([True], [["r1", "r2"]])


def test_the_others_only_forget() -> None:
    played = Played()
    expiry_of(played, leads=False).sweep(1.0)
    assert (played.told, played.removed) == ([False], [[]])


def test_after_a_fault_the_next_sweep_comes_and_memory_settles_once_when_all_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played()
    settled: list[int] = []
    monkeypatch.setattr(expiry, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(expiry, "settle_memory", lambda: settled.append(len(played.told)))

    def fail(now: float, *, tell: bool) -> list[str]:
        played.told.append(tell)
        played.locations.loading = len(played.told) < 3
        raise RuntimeError("broken")

    played.expire = fail  # type: ignore[method-assign]
    each_second = expiry_of(played)
    each_second.start()
    with gevent.Timeout(10):
        while len(played.told) < 5:
            gevent.sleep(0.005)
    each_second.stop()
    assert len(played.crashes) >= 5
    assert settled == [3]
