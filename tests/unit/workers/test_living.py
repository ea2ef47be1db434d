"""Who lives, by a clock that is set by hand."""

from __future__ import annotations

import pytest

from appliance.workers.living import Living


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_that_says_nothing_any_more_does_not_live(clock: Clock) -> None:
    living = Living(2, clock)
    assert living.numbers == [2]
    living.says_so(3, 77, 103)
    living.says_so(1, 78, 101)
    assert living.numbers == [1, 2, 3]
    clock.now += 2.0
    living.says_so(3, 77, 103)
    clock.now += 1.5
    assert living.numbers == [2, 3]
    assert (living.lives(1), living.lives(3), living.lives(4)) == (False, True, False)
    assert (living.has_issued(1, 101), living.has_issued(3, 103), living.has_issued(3, 9)) == (
        False,
        True,
        False,
    )


def test_another_process_is_noticed(clock: Clock) -> None:
    living = Living(1, clock)
    assert living.says_so(2, 77, 102)
    assert not living.says_so(2, 77, 102)
    assert living.says_so(2, 79, 102)
    living.lost(2)
    assert not living.lives(2)
    assert living.says_so(2, 79, 102)
