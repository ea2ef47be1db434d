"""Asking all for an INVITE: who answers what, and who does not answer."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from appliance.workers import invite_search
from appliance.workers.invite_search import InviteSearch


def outcome(workers: list[int], *answers: Callable[[InviteSearch, int], None]) -> bool:
    """What is found when ``workers`` are asked and ``answers`` come, each given the query."""
    search = InviteSearch()
    queries: set[int] = set()

    def ask(worker: int, query: int) -> bool:
        queries.add(query)
        return worker != 9  # who cannot be asked

    searching = gevent.spawn(search.find, workers, ask)
    gevent.sleep(0)
    for answer in answers:
        answer(search, *queries)
    with gevent.Timeout(10):
        found: bool = searching.get()
    for answer in answers:
        answer(search, *queries)  # too late, and no trouble
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is over because of the time."""
    monkeypatch.setattr(invite_search, "_FIND_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
def test_the_first_that_has_it_is_enough() -> None:
    assert outcome([2, 3], lambda search, query: search.answered(3, query, here=True))


@pytest.mark.usefixtures("patient")
def test_it_is_nowhere_when_all_have_said_no_or_are_gone() -> None:
    def no(search: InviteSearch, query: int) -> None:
        search.answered(2, query, here=False)

    assert not outcome([2, 3], no, lambda search, query: search.lost(3))


def test_nobody_waits_for_those_who_say_nothing_or_cannot_be_asked() -> None:
    assert not outcome([2])
    assert not outcome([9])
    assert not outcome([])
