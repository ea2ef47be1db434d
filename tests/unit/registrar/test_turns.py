"""Turns: one at a time for each key, in the order of arrival, and nobody gets in between."""

from __future__ import annotations

import threading

import pytest

from appliance.registrar.turns import Turns


def waiting_for(turns: Turns, key: str, count: int) -> None:
    """Returns when ``count`` others stand in the queue; they are about to, so this is a matter of
    microseconds.
    """
    while len(turns._waiting.get(key) or ()) < count:
        threading.Event().wait(0.0005)


def test_nobody_waits_for_another_user() -> None:
    turns = Turns()
    turns.take("10")
    turns.take("11")
    assert len(turns) == 2
    turns.end("10")
    turns.end("11")
    assert len(turns) == 0


def test_the_order_is_that_of_arrival_and_nobody_overtakes() -> None:
    turns = Turns()
    order: list[int] = []

    def work(number: int) -> None:
        turns.take("10")
        order.append(number)
        turns.end("10")

    turns.take("10")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for number, thread in enumerate(threads):
        thread.start()
        waiting_for(turns, "10", number + 1)
    assert order == []
    turns.end("10")
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))
    assert len(turns) == 0


def test_the_turn_is_handed_over_before_anybody_new_can_take_it() -> None:
    turns = Turns()
    turns.take("10")
    order: list[str] = []

    def second() -> None:
        turns.take("10")
        order.append("second")
        turns.end("10")

    thread = threading.Thread(target=second)
    thread.start()
    waiting_for(turns, "10", 1)
    turns.end("10")
    # The second may not run yet, but the turn is its own: the third comes after it.
    turns.take("10")
    order.append("third")
    turns.end("10")
    thread.join(10)
    assert order == ["second", "third"]


class GaveUp(Exception):
    """The greenlet of a waiting request was killed."""


class Interrupted:
    """A lock whose second acquire, the waiting one, ends with an exception."""

    def __init__(self, before: list[object]) -> None:
        self._calls = 0
        self._before = before

    def acquire(self) -> None:
        self._calls += 1
        if self._calls == 2:
            for step in self._before:
                step()
            raise GaveUp

    def release(self) -> None:
        """The turn was handed over."""


@pytest.mark.parametrize("handed_over", [False, True])
def test_who_gives_up_while_waiting_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, handed_over: bool
) -> None:
    turns = Turns()
    turns.take("10")
    # Killed while it waits, or just as the turn was handed to it.
    before = [lambda: turns.end("10")] if handed_over else []
    monkeypatch.setattr("threading.Lock", lambda: Interrupted(before))
    with pytest.raises(GaveUp):
        turns.take("10")
    monkeypatch.undo()
    if not handed_over:
        turns.end("10")
    assert len(turns) == 0
    turns.take("10")
    turns.end("10")


def test_who_gives_up_lets_nobody_pass_who_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    order: list[str] = []
    turns.take("10")

    def second() -> None:
        turns.take("10")
        order.append("second")
        turns.end("10")

    thread = threading.Thread(target=second)
    thread.start()
    waiting_for(turns, "10", 1)
    monkeypatch.setattr("threading.Lock", lambda: Interrupted([]))
    with pytest.raises(GaveUp):
        turns.take("10")
    monkeypatch.undo()
    assert not thread.join(0.02)
    order.append("first")
    turns.end("10")
    thread.join(10)
    assert order == ["first", "second"]
