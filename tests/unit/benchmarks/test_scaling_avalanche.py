"""All phones at once."""

from __future__ import annotations

import math
from dataclasses import replace

from benchmarks.scaling_avalanche import Avalanche, Crowd

CROWD = Crowd(
    phones=1000, spread=30, challenge=0.0001, register=0.0003, absorbed=0.00003, refusal=0.00004, commit=0.02,
    holds=4000, t1=0.5, gives_up=32, retry=30,
)  # fmt: skip


def test_a_crowd_that_the_worker_can_take_is_back_when_it_has_come() -> None:
    come = Avalanche(CROWD).run()
    assert 29 < come.most < 31
    assert (come.dropped, come.gave_up) == (0, 0)
    assert come.messages < 2.1


def test_a_crowd_that_is_too_much_is_back_after_the_work_at_the_earliest() -> None:
    come = Avalanche(replace(CROWD, phones=200_000)).run()
    assert come.least == 80
    assert 80 < come.most < math.inf
    assert come.dropped > 0.3
    assert come.messages > 4


def test_a_socket_that_holds_little_drops_more() -> None:
    crowd = replace(CROWD, phones=20_000, spread=1)
    small, large = (Avalanche(replace(crowd, holds=holds)).run() for holds in (100, 40_000))
    assert small.dropped > 2 * large.dropped


def test_who_is_refused_for_a_moment_comes_back_too_early() -> None:
    crowd = replace(CROWD, phones=200_000, refuse_above=1000)
    assert Avalanche(replace(crowd, retry_after=2)).run().most == math.inf
    assert Avalanche(replace(crowd, retry_after=120)).run().most < 300


def test_who_is_refused_at_length_repeats_less() -> None:
    crowd = replace(CROWD, phones=150_000)
    refused = Avalanche(replace(crowd, refuse_above=1000, retry_after=120)).run()
    assert refused.messages < Avalanche(crowd).run().messages / 2


def test_a_crowd_made_small_behaves_like_the_large_one() -> None:
    """Below a thousand phones nothing is scaled, so two halves of one crowd must do as the crowd."""
    whole = Avalanche(replace(CROWD, phones=2000, spread=1, challenge=0.005, register=0.01, holds=200)).run()
    half = Avalanche(replace(CROWD, phones=1000, spread=1, challenge=0.01, register=0.02, holds=100)).run()
    assert abs(whole.most / half.most - 1) < 0.2
