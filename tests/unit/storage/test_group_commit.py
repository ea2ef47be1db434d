from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import gevent.event
import pytest

from appliance.errors import DatabaseUnavailable, RowRefused, StorageError
from appliance.storage.group_commit import (
    APART,
    ENOUGH,
    ENOUGH_WHEN_FAST,
    FAST,
    Changes,
    GroupCommit,
    Refused,
)
from tests.unit.storage.made import binding


class Writer:
    """Keeps the groups that it was given; while ``gate`` is closed a write does not return."""

    def __init__(self) -> None:
        self.groups: list[Changes] = []
        self.failure: BaseException | None = None
        self.refused: Refused = {}
        self.gate = gevent.event.Event()
        self.gate.set()
        self.between = 0

    def write(self, changes: Changes) -> Refused:
        self.groups.append(dict(changes))
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.refused

    def do_between(self) -> bool:
        self.between += 1
        return self.between < 3


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def groups(writer: Writer) -> Iterator[GroupCommit]:
    groups = GroupCommit(writer.write)
    groups.start()
    yield groups
    writer.gate.set()
    groups.stop()


def all_end(greenlets: list[gevent.Greenlet[..., None]]) -> None:
    """Not ``joinall`` with a timeout: it counts from when the loop ran last, which may be a minute ago."""
    for each in greenlets:
        each.get(timeout=10)


def test_what_arrives_while_one_is_under_way_is_the_next_one(groups: GroupCommit, writer: Writer) -> None:
    writer.gate.clear()
    first = gevent.spawn(groups.commit, [binding(1)], [])
    while not writer.groups:
        gevent.sleep(0)
    others = [gevent.spawn(groups.commit, [binding(number)], []) for number in range(2, 50)]
    gevent.sleep(0)
    assert len(list(groups.unfinished)) == 49
    writer.gate.set()
    gevent.joinall([first, *others], raise_error=True)
    assert [len(group) for group in writer.groups] == [1, 48]
    assert list(groups.unfinished) == []


def test_whoever_comes_soon_after_a_commit_waits_for_others(writer: Writer) -> None:
    groups = GroupCommit(writer.write, apart_seconds=3600)
    groups.start()
    groups.commit([binding(1)], [])
    others = []
    for number in range(2, 6):
        others.append(gevent.spawn(groups.commit, [binding(number)], []))
        gevent.sleep(0.001)
    assert len(writer.groups) == 1
    groups.wake()  # whoever does something else writes what is there
    all_end(others)
    assert [len(group) for group in writer.groups] == [1, 4]
    groups.stop()


def test_two_commits_begin_apart(groups: GroupCommit, writer: Writer) -> None:
    begun = time.monotonic()
    for number in range(6):
        groups.commit([binding(number)], [])
    assert len(writer.groups) == 6
    assert time.monotonic() - begun >= 5 * APART


def test_enough_of_them_do_not_wait(writer: Writer) -> None:
    groups = GroupCommit(writer.write, apart_seconds=3600)
    groups.start()
    groups.commit([binding(0)], [])
    gevent.sleep(FAST)
    others = [gevent.spawn(groups.commit, [binding(number)], []) for number in range(1, ENOUGH)]
    gevent.sleep(0.001)
    assert len(writer.groups) == 1
    others.append(gevent.spawn(groups.commit, [binding(ENOUGH)], []))
    all_end(others)
    assert [len(group) for group in writer.groups] == [1, ENOUGH]
    groups.stop()


def test_fewer_are_enough_when_they_come_fast(writer: Writer) -> None:
    groups = GroupCommit(writer.write, apart_seconds=3600)
    groups.start()
    others = [
        gevent.spawn(groups.commit, [binding(number)], []) for number in range(1 + 2 * ENOUGH_WHEN_FAST)
    ]
    with gevent.Timeout(10):
        while len(writer.groups) < 2:
            others.append(gevent.spawn(groups.commit, [binding(len(others))], []))
            gevent.sleep(0)
    assert len(writer.groups[1]) >= ENOUGH_WHEN_FAST
    groups.wake()
    all_end(others)
    groups.stop()


def test_whoever_comes_alone_does_not_wait(writer: Writer) -> None:
    groups = GroupCommit(writer.write, apart_seconds=3600)
    groups.start()
    with gevent.Timeout(10):
        groups.commit([binding(1)], [])
    groups.stop()


def test_whoever_is_killed_while_waiting_does_no_harm_to_the_others(
    groups: GroupCommit, writer: Writer
) -> None:
    writer.gate.clear()
    waiting = [gevent.spawn(groups.commit, [binding(number)], []) for number in range(3)]
    while not writer.groups:
        gevent.sleep(0)
    waiting[1].kill()
    writer.gate.set()
    all_end(waiting)


def test_nobody_is_answered_before_it_is_written(groups: GroupCommit, writer: Writer) -> None:
    writer.gate.clear()
    waiting = gevent.spawn(groups.commit, [binding(1)], [])
    gevent.sleep(0.02)
    assert writer.groups
    assert not waiting.ready()
    writer.gate.set()
    waiting.get()


def test_a_removal_is_a_change_too(groups: GroupCommit, writer: Writer) -> None:
    kept, gone = binding(1), binding(2)
    groups.commit([kept], [gone])
    assert writer.groups == [{gone.ruid: None, kept.ruid: kept}]


def test_nothing_is_written_at_once(groups: GroupCommit, writer: Writer) -> None:
    with gevent.Timeout(10):
        groups.commit([], [])
    assert writer.groups == []


def test_a_failure_is_everybodys(groups: GroupCommit, writer: Writer) -> None:
    writer.failure = DatabaseUnavailable("away")
    waiting = [gevent.spawn(groups.commit, [binding(number)], []) for number in range(3)]
    gevent.joinall(waiting)
    assert [str(each.exception) for each in waiting] == ["away"] * 3
    assert len({id(each.exception) for each in waiting}) == 3
    writer.failure = None
    groups.commit([binding(9)], [])


def test_a_refusal_is_only_ones(groups: GroupCommit, writer: Writer) -> None:
    writer.refused = {binding(2).ruid: RowRefused("too long")}
    waiting = [gevent.spawn(groups.commit, [binding(number)], []) for number in range(1, 4)]
    gevent.joinall(waiting)
    assert [each.successful() for each in waiting] == [True, False, True]


def test_a_fault_of_ours_leaves_nobody_waiting(
    groups: GroupCommit, writer: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.failure = TypeError("not a row")
    with gevent.Timeout(5), pytest.raises(StorageError, match="TypeError"):
        groups.commit([binding(1)], [])
    assert "TypeError: not a row" in capsys.readouterr().err


def test_between_is_called_until_there_is_no_more(writer: Writer) -> None:
    groups = GroupCommit(writer.write, between=writer.do_between)
    groups.start()
    groups.wake()
    while writer.between < 3:
        gevent.sleep(0)
    groups.stop()
    assert writer.between == 3


def test_it_wakes_up_by_itself(writer: Writer) -> None:
    groups = GroupCommit(writer.write, between=writer.do_between, pause=lambda: 0.001)
    groups.start()
    with gevent.Timeout(5):
        while writer.between < 5:
            gevent.sleep(0.001)
    groups.stop()


def test_who_waits_is_answered_when_the_others_know(writer: Writer) -> None:
    told: list[tuple[Changes, object]] = []
    writer.refused = {"bad": RowRefused("too long")}
    groups = GroupCommit(writer.write, tell=lambda changes, then: told.append((changes, then)))
    groups.start()
    good, bad = binding(ruid="good"), binding(ruid="bad")
    waiting = gevent.spawn(groups.commit, [good, bad], [])
    with gevent.Timeout(10):
        while not told:
            gevent.sleep(0.001)
    assert not waiting.ready()
    (changes, then) = told[0]
    assert changes == {"good": good}  # what was refused is nobody's news
    then()  # type: ignore[operator]
    with pytest.raises(RowRefused):
        waiting.get(timeout=10)
    groups.stop()


def test_a_failure_is_told_to_nobody_else(writer: Writer) -> None:
    told: list[object] = []
    writer.failure = DatabaseUnavailable("away")
    groups = GroupCommit(writer.write, tell=lambda changes, then: told.append(changes))
    groups.start()
    with pytest.raises(DatabaseUnavailable):
        groups.commit([binding()], [])
    assert told == []
    groups.stop()
