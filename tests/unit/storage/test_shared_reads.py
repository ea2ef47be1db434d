from __future__ import annotations

import gevent
import gevent.event
import pytest

from appliance.errors import DatabaseUnavailable
from appliance.storage.shared_reads import SharedReads


class Source:
    """Even numbers have a value; while ``gate`` is closed a query does not return."""

    def __init__(self) -> None:
        self.queries: list[list[int]] = []
        self.kept: dict[int, str | None] = {}
        self.failure: Exception | None = None
        self.gate = gevent.event.Event()
        self.gate.set()
        self.reads = SharedReads(self.select, self.kept.__setitem__)

    def select(self, keys: list[int]) -> dict[int, str]:
        self.queries.append(keys)
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return {key: str(key) for key in keys if key % 2 == 0}


@pytest.fixture
def source() -> Source:
    return Source()


def test_keys_that_are_asked_for_together_are_one_query(source: Source) -> None:
    asked = [gevent.spawn(source.reads.read, number % 50) for number in range(150)]
    gevent.joinall(asked, raise_error=True)
    assert [each.value for each in asked[:4]] == ["0", None, "2", None]
    assert [len(keys) for keys in source.queries] == [50]
    assert source.kept[2] == "2"
    assert source.kept[3] is None


def test_a_query_has_its_bounds(source: Source) -> None:
    gevent.joinall([gevent.spawn(source.reads.read, number) for number in range(450)], raise_error=True)
    assert [len(keys) for keys in source.queries] == [200, 200, 50]


def test_what_is_asked_for_during_a_query_goes_into_the_next(source: Source) -> None:
    source.gate.clear()
    first = gevent.spawn(source.reads.read, 2)
    while not source.queries:
        gevent.sleep(0)
    second, same = gevent.spawn(source.reads.read, 4), gevent.spawn(source.reads.read, 2)
    gevent.sleep(0)
    source.gate.set()
    gevent.joinall([first, second, same], raise_error=True)
    assert source.queries == [[2], [4]]


def test_many_who_come_one_after_the_other_share_queries(source: Source) -> None:
    """Two hundred within some milliseconds, none at the same time as another."""

    def come(number: int) -> None:
        asked.append(gevent.spawn(source.reads.read, number))
        gevent.sleep(1e-6)

    asked: list[gevent.Greenlet[[int], str | None]] = []
    for number in range(200):
        come(number)
    gevent.joinall(asked, raise_error=True)
    assert sum(len(keys) for keys in source.queries) == 200
    assert len(source.queries) < 50


def test_what_changed_meanwhile_is_not_kept(source: Source) -> None:
    source.gate.clear()
    asked = [gevent.spawn(source.reads.read, number) for number in (2, 4)]
    gevent.sleep(0)
    source.reads.outdate(2)
    source.gate.set()
    gevent.joinall(asked, raise_error=True)
    assert source.kept == {4: "4"}
    source.gate.clear()
    asked = [gevent.spawn(source.reads.read, number) for number in (6, 8)]
    gevent.sleep(0)
    source.reads.outdate_all()
    source.gate.set()
    gevent.joinall(asked, raise_error=True)
    assert source.kept == {4: "4"}


def test_a_failure_is_everybodys_and_the_next_one_asks_again(source: Source) -> None:
    source.failure = DatabaseUnavailable("away")
    asked = [gevent.spawn(source.reads.read, 2) for _ in range(3)]
    gevent.joinall(asked)
    assert [str(each.exception) for each in asked] == ["away"] * 3
    assert len({id(each.exception) for each in asked}) == 3
    source.failure = None
    assert source.reads.read(2) == "2"


def test_keys_are_read_ahead_beside_those_that_somebody_waits_for(source: Source) -> None:
    source.gate.clear()
    asked = gevent.spawn(source.reads.read, 2)
    while not source.queries:
        gevent.sleep(0)
    ahead = gevent.spawn(source.reads.read_ahead, [2, 3, 4])
    gevent.sleep(0)
    source.gate.set()
    gevent.joinall([asked, ahead], raise_error=True)
    assert source.queries == [[2], [3, 4]]
    assert source.kept == {2: "2", 3: None, 4: "4"}


def test_what_cannot_be_read_ahead_is_told(source: Source) -> None:
    source.failure = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        source.reads.read_ahead([2, 4])
    assert not source.kept
