"""Processor time of processes, as /proc tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.processor_time import Meter, Used, family, resident_bytes, spent

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ninput()"


def test_living_threads_count_exactly() -> None:
    before, after = Used(1.00, {1: 0.9000, 2: 0.1000}), Used(1.01, {1: 0.9040, 2: 0.1005, 3: 0.0001})
    assert spent(before, after) == pytest.approx(0.0046)


def test_threads_that_ended_count_by_the_ticks() -> None:
    before, after = Used(1.0, {1: 0.5, 2: 0.5}), Used(2.0, {1: 0.6})
    assert spent(before, after) == pytest.approx(0.98)


def test_a_meter_counts_a_process_from_its_start_and_children_are_family() -> None:
    command = [sys.executable, "-c", BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        meter = Meter(lambda: [child.pid])
        child.stdout.readline()
        first = meter.seconds()
        assert first > 0.25
        assert meter.seconds() >= first
        assert child.pid in family(os.getpid())
        assert resident_bytes([child.pid]) > 1_000_000
        child.communicate(b"\n")
    assert meter.seconds() >= first, "a process that is gone keeps what it had used"


def test_threads_of_our_own_are_seen() -> None:
    meter = Meter(lambda: [os.getpid()])
    before = meter.seconds()

    def burn() -> None:
        while time.thread_time() < 0.2:
            pass

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert meter.seconds() - before > 0.15
