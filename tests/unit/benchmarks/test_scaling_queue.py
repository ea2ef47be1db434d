"""A worker as a queue."""

from __future__ import annotations

import math
from dataclasses import replace

from benchmarks.scaling_queue import Worker, latency

QUIET = Worker(
    rate=10, challenge=0.0001, register=0.0002, answer=0.0001, other=0.0, row=0.00002, sync=0.002,
    sync_p99=0.002, apart=0.0, enough=16,
)  # fmt: skip


def test_alone_a_registration_takes_its_work_and_one_flush() -> None:
    found = latency(QUIET)
    assert 2.4 <= found.p50 <= 2.5
    assert 1.0 <= found.group < 1.05


def test_the_same_question_has_the_same_answer() -> None:
    busy = replace(QUIET, rate=1500)
    assert latency(busy) == latency(busy)
    assert latency(busy, seed=2) != latency(busy)


def test_who_has_more_to_do_than_he_can_never_ends() -> None:
    assert latency(replace(QUIET, rate=2500)).p99 == math.inf
    assert latency(replace(QUIET, rate=1500, share=0.5)).p50 == math.inf


def test_the_busier_the_longer() -> None:
    waits = [latency(replace(QUIET, rate=rate, sync=0.0, sync_p99=0.0)).p99 for rate in (200, 1200, 2200)]
    assert waits == sorted(waits)
    assert waits[2] > 3 * waits[0]


def test_commits_that_begin_apart_have_larger_groups_and_make_phones_wait() -> None:
    together, apart = latency(replace(QUIET, rate=500)), latency(replace(QUIET, rate=500, apart=0.016))
    assert apart.group > 2 * together.group
    assert together.p50 < apart.p50 < together.p50 + 17


def test_a_commit_does_not_wait_when_enough_are_there() -> None:
    patient = replace(QUIET, rate=1500, apart=1.0, enough=10)
    assert latency(patient).p50 < 20
    assert latency(replace(patient, enough=10_000)).p50 > 300


def test_a_slow_disk_makes_phones_wait_and_takes_no_more_of_the_worker() -> None:
    slow = replace(QUIET, rate=1000, sync=0.02, sync_p99=0.02)
    assert 20 < latency(slow).p50 < 45
    assert slow.busy == replace(QUIET, rate=1000).busy


def test_another_process_that_goes_on_delays() -> None:
    assert latency(replace(QUIET, slice=0.003)).p50 > latency(QUIET).p50 + 1
