"""Waiting for something to become true, with an end and a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(what: str, question: Callable[[], T], *, timeout: float = 10.0, every: float = 0.02) -> T:
    """Ask until the answer is true, and return it; AssertionError with ``what`` after ``timeout`` s."""
    deadline = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(every)
