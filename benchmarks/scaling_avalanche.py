"""After a power cut: all phones come at once. How long until they are back, and what it costs.

A discrete-event simulation of one worker, its socket, and its share of the phones. The socket holds so many
messages and drops what is beyond; a phone repeats its request by RFC 3261's timers, gives up after timer F,
waits and begins anew. A large crowd is made small by a factor: fewer phones, each message as much longer, the
socket as much smaller; what is in proportion stays so. Must not know boxes.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

from benchmarks.statistics_of_rounds import percentile

_SIMULATED = 1000
#: A message must stay much shorter than T1.
_MOST_SCALED = 100.0
_T2 = 4.0
_LONGEST_RETRY = 1800.0
_PATIENCE = 1800.0
#: Of these none gets through: what is left to see is always the same.
_TOO_MANY = 150
#: What a phone waits for.
_CHALLENGE, _OK = 0, 1


@dataclass(frozen=True, slots=True)
class Crowd:
    """``phones`` of one worker come within ``spread`` seconds. ``challenge``, ``register``, ``absorbed`` and
    ``refusal`` are seconds of the worker for a first request, for one with credentials, for a repeated one
    that is known, and for a 503; ``commit`` is what a commit takes. The socket holds ``holds`` messages.

    A phone that failed waits ``retry`` seconds, half of it by chance; ``doubling``: twice as long after each
    failure (RFC 5626 §4.5). ``refuse_above``: so many messages in the socket, and new requests get a 503
    whose Retry-After is up to ``retry_after`` seconds; 0 for a server that refuses nobody.
    """

    phones: int
    spread: float
    challenge: float
    register: float
    absorbed: float
    refusal: float
    commit: float
    holds: int
    t1: float
    gives_up: float
    retry: float
    doubling: bool = False
    refuse_above: int = 0
    retry_after: float = 0.0


class Return(NamedTuple):
    """Seconds until half and 99 % of the phones are back, messages a phone sent, the share that was dropped,
    how many gave up at least once, and the least time that the work itself takes.
    """

    half: float
    most: float
    messages: float
    dropped: float
    gave_up: float
    least: float


@dataclass(slots=True)
class _Phone:
    """``request`` grows with each that is begun, so that older timers and answers mean nothing; ``known``
    when the server has its request with credentials.
    """

    request: int = 0
    waits_for: int = _CHALLENGE
    failures: int = 0
    known: bool = False
    back: bool = False


class Avalanche:
    """One simulation."""

    def __init__(self, crowd: Crowd, seed: int = 1) -> None:
        self._crowd = crowd
        self._scale = min(_MOST_SCALED, max(1.0, crowd.phones / _SIMULATED))
        self._chance = random.Random(seed)
        self._phones = [_Phone() for _ in range(round(crowd.phones / self._scale))]
        self._holds = max(1, round(crowd.holds / self._scale))
        self._above = max(1, round(crowd.refuse_above / self._scale)) if crowd.refuse_above else 0
        self._socket: deque[tuple[_Phone, int]] = deque()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._working = False
        self._now = 0.0
        self._sent = self._dropped = 0
        self._back: list[float] = []

    def run(self) -> Return:
        """Until 99 % are back, or half an hour has gone: infinite are the times that nobody has seen."""
        crowd = self._crowd
        for phone in self._phones:
            self._after(self._chance.uniform(0, crowd.spread), partial(self._request, phone, _CHALLENGE))
        enough = len(self._phones) * 0.99
        most = _TOO_MANY * len(self._phones)
        while len(self._back) < enough and self._now < _PATIENCE and self._sent < most:
            self._now, _, what = heappop(self._events)
            what()
        failed = sum(1 for phone in self._phones if phone.failures)
        back = [*self._back, *[math.inf] * (len(self._phones) - len(self._back))]
        return Return(
            percentile(back, 50),
            percentile(back, 99),
            self._sent / len(self._phones),
            self._dropped / self._sent,
            failed / len(self._phones),
            crowd.phones * (crowd.challenge + crowd.register),
        )

    def _after(self, pause: float, what: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._events, (self._now + pause, self._number, what))

    # -- phones ----------------------------------------------------------------------------------------------

    def _request(self, phone: _Phone, waits_for: int) -> None:
        phone.request += 1
        phone.waits_for = waits_for
        phone.known = False
        self._after(self._crowd.gives_up, partial(self._give_up, phone, phone.request))
        self._say(phone, phone.request, self._crowd.t1)

    def _say(self, phone: _Phone, request: int, pause: float) -> None:
        """Send the request, and again after ``pause``, as long as there is no answer (RFC 3261 §17.1.2.2)."""
        if request != phone.request or phone.back:
            return
        self._sent += 1
        if len(self._socket) >= self._holds:
            self._dropped += 1
        else:
            self._socket.append((phone, request))
            if not self._working:
                self._work()
        self._after(pause, partial(self._say, phone, request, min(2 * pause, _T2)))

    def _give_up(self, phone: _Phone, request: int) -> None:
        if request == phone.request and not phone.back:
            self._begins_anew(phone, self._crowd.retry)

    def _refused(self, phone: _Phone, request: int) -> None:
        if request == phone.request and not phone.back:
            self._begins_anew(phone, self._crowd.retry_after)

    def _begins_anew(self, phone: _Phone, pause: float) -> None:
        phone.failures += 1
        phone.request += 1
        if self._crowd.doubling:
            pause = min(_LONGEST_RETRY, pause * 2 ** (phone.failures - 1))
        self._after(pause * self._chance.uniform(0.5, 1.0), partial(self._request, phone, _CHALLENGE))

    # -- the worker ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Take the next message; what it means is decided when it is taken."""
        self._working = bool(self._socket)
        if not self._working:
            return
        phone, request = self._socket.popleft()
        crowd = self._crowd
        cost = crowd.challenge
        answer: Callable[[], None] = partial(self._challenged, phone, request)
        if self._above and len(self._socket) >= self._above and phone.waits_for == _CHALLENGE:
            cost, answer = crowd.refusal, partial(self._refused, phone, request)
        elif request == phone.request and phone.waits_for == _OK:
            if phone.known:
                cost, answer = crowd.absorbed, _nothing
            else:
                phone.known = True
                cost, answer = crowd.register, partial(self._registered, phone)
        self._after(cost * self._scale, partial(self._worked, answer))

    def _worked(self, answer: Callable[[], None]) -> None:
        answer()
        self._work()

    def _challenged(self, phone: _Phone, request: int) -> None:
        if request == phone.request and phone.waits_for == _CHALLENGE:
            self._request(phone, _OK)

    def _registered(self, phone: _Phone) -> None:
        self._after(self._crowd.commit, partial(self._ok, phone))

    def _ok(self, phone: _Phone) -> None:
        if not phone.back:
            phone.back = True
            self._back.append(self._now)


def _nothing() -> None:
    """A copy of what is known is answered when its first one is."""
