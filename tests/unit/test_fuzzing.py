"""Some thousand spoilt inputs for each who reads strangers' bytes; ``./test endurance`` has millions."""

from __future__ import annotations

import pytest

from tests.harness.fuzzing import Mutator, fuzz
from tests.unit.fuzzed import TARGETS

COUNT = 2000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_raised_and_nothing_takes_long(name: str) -> None:
    target = TARGETS[name]
    fuzz(target.make(1), Mutator(target.seeds, 1).inputs(COUNT))


def test_a_reader_that_hangs_or_fails_is_found_out() -> None:
    """Or the tests above would show nothing."""

    def hangs(_: bytes) -> None:
        while True:
            pass

    def fails(_: bytes) -> None:
        raise KeyError("x")

    for bad, words in ((hangs, "more than 1 s"), (fails, "KeyError")):
        with pytest.raises(AssertionError, match=words):
            fuzz(bad, Mutator([b"INVITE"], 1).inputs(1))


def test_the_same_number_makes_the_same_inputs() -> None:
    seeds = TARGETS["parser"].seeds
    assert list(Mutator(seeds, 7).inputs(50)) == list(Mutator(seeds, 7).inputs(50))
    assert list(Mutator(seeds, 7).inputs(50)) != list(Mutator(seeds, 8).inputs(50))
