"""Names: what is remembered of an answer, and of there being none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from gevent import socket

from appliance.transport.resolver import Resolver

ANSWER = [
    (socket.AF_INET, 2, 17, "", ("192.0.2.7", 0)),
    (socket.AF_INET6, 2, 17, "", ("2001:db8::7", 0, 0, 0)),
]


class Names:
    """The system's resolver, played, and a clock."""

    def __init__(self) -> None:
        self.answer: list[Any] | OSError = ANSWER
        self.asked = 0
        self.now = 1000.0

    def getaddrinfo(self, *_: object, **__: object) -> list[Any]:
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(time, "monotonic", lambda: names.now)
    return names


def test_an_answer_is_kept_for_a_minute(names: Names) -> None:
    resolver = Resolver()
    for after, asked in ((0, 1), (59, 1), (2, 2)):
        names.now += after
        assert resolver.addresses("h.example") == ["192.0.2.7", "2001:db8::7"]
        assert names.asked == asked


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (socket.gaierror(socket.EAI_NONAME, "there is no such name"), 59),
        (socket.gaierror(socket.EAI_AGAIN, "no server answers"), 2),
        (TimeoutError(), 2),
    ],
)
def test_that_nobody_answered_is_soon_forgotten(names: Names, failure: OSError, kept: int) -> None:
    resolver = Resolver()
    names.answer = failure
    assert resolver.addresses("h.example") == []
    names.answer = ANSWER
    names.now += kept
    assert resolver.addresses("h.example") == []
    names.now += 2
    assert resolver.addresses("h.example") == ["192.0.2.7", "2001:db8::7"]


def test_the_table_is_bounded(names: Names) -> None:
    resolver = Resolver()
    for number in range(2000):
        resolver.addresses(f"h{number}.example")
    resolver.addresses("h1999.example")
    assert names.asked == 2000
    resolver.addresses("h0.example")
    assert names.asked == 2001
