"""Places for connections: who gets one, and who has to give his to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from appliance.sip.hop import Hop
from appliance.transport.connections import Connections
from appliance.transport.making import ConnectionMaker

MOST, OF_ONE = 8, 3
KNOWN = "192.0.2.10"


class Sock:
    """A socket of which nothing but its number is asked."""

    def __init__(self, number: int) -> None:
        self.number, self.closed = number, False

    def getsockopt(self, level: int, name: int, length: int) -> bytes:
        return self.number.to_bytes(length, "little")

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.closed = True


class Connection:
    """A connection as far as its place is concerned."""

    lasts = True

    def __init__(self, hop: Hop, ended: Callable[[Any, str], None], *, is_open: bool) -> None:
        self.hop, self.is_open = hop, is_open
        self.aliases: list[tuple[str, str, int, str]] = []
        self.has_spoken = False
        self.last_used = float(hop.connection)
        self.ended = ""
        self._ended = ended

    def start(self) -> None:
        pass

    def close(self, reason: str) -> None:
        assert not self.ended
        self.ended = reason
        self._ended(self, reason)


class Places:
    """Connections of a server, and the door that knows one address."""

    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.open = True  # those to come shake no hands
        self.lost: list[str] = []
        self.connections = Connections(
            cast("ConnectionMaker", self),
            self._told,
            most=MOST,
            most_of_one=OF_ONE,
            idle_seconds=3600,
            keep=None,
            door=self,
        )

    def admits(self, host: str, reliable: bool) -> bool:
        return reliable

    def is_known(self, host: str) -> bool:
        return host == KNOWN

    def make(
        self, sock: Any, hop: Hop, opened: Any, ended: Callable[[Any, str], None], **_: Any
    ) -> Connection:
        self.made.append(Connection(hop, ended, is_open=self.open))
        return self.made[-1]

    def _told(self, opened: bool, hop: Hop, reason: str) -> None:
        if not opened:
            self.lost.append(reason)

    def knock(self, host: str) -> bool:
        """Whether one more from ``host`` is taken."""
        before = len(self.made)
        sock = Sock(before + 1)
        self.connections.accept(cast("Any", sock), Hop("tls", host, 40_000 + before))
        assert sock.closed == (len(self.made) == before)
        return not sock.closed

    def strangers(self, count: int, *, spoken: bool = False) -> list[Connection]:
        """So many strangers come, each from another address."""
        first = len(self.made)
        for number in range(first, first + count):
            assert self.knock(f"203.0.113.{number}")
            self.made[-1].has_spoken = spoken
        return self.made[first:]

    def there(self) -> list[Connection]:
        return [each for each in self.made if not each.ended]


@pytest.fixture
def places() -> Places:
    return Places()


def test_an_address_has_only_so_many(places: Places) -> None:
    assert [places.knock(KNOWN) for _ in range(OF_ONE + 1)] == [True] * OF_ONE + [False]
    assert places.lost == ["too many connections"]
    places.made[0].close("over")
    assert places.knock(KNOWN)


def test_strangers_have_half_and_the_known_all_of_them(places: Places) -> None:
    places.strangers(MOST)
    assert len(places.there()) == MOST // 2
    assert all(places.knock(KNOWN) for _ in range(OF_ONE))
    assert len(places.there()) == MOST // 2 + OF_ONE


def test_the_oldest_handshake_of_a_stranger_goes_first(places: Places) -> None:
    talking = places.strangers(1, spoken=True)
    places.open = False
    assert places.knock(KNOWN)
    known = places.made[-1]
    shaking = places.strangers(2)
    new = places.strangers(1)
    assert shaking[0].ended == "its place was needed"
    assert places.lost == ["no handshake: its place was needed"]
    assert places.there() == [*talking, known, shaking[1], *new]


def test_whom_we_know_shakes_hands_in_peace(places: Places) -> None:
    places.open = False
    assert places.knock(KNOWN)
    known = places.made[-1]
    places.open = True
    silent = places.strangers(3)
    places.strangers(1)
    assert silent[0].ended
    assert not known.ended


def test_then_who_has_said_nothing(places: Places) -> None:
    talking = places.strangers(2, spoken=True)
    silent = places.strangers(2)
    new = places.strangers(1)
    assert silent[0].ended == "idle: its place was needed"
    assert places.there() == [*talking, silent[1], *new]


def test_then_strangers_that_were_heard_longest_ago(places: Places) -> None:
    assert places.knock(KNOWN)
    known = places.made[-1]
    known.has_spoken = True
    talking = places.strangers(3, spoken=True)
    talking[0].last_used = 1000.0
    assert places.strangers(1)
    assert not known.ended
    assert talking[1].ended == "idle: its place was needed"


def test_nobody_gives_his_place_where_all_are_known(places: Places) -> None:
    for _ in range(OF_ONE):
        assert places.knock(KNOWN)
        places.made[-1].has_spoken = True
    places.strangers(1, spoken=True)
    places.made[-1].hop = places.made[0].hop  # he has registered meanwhile
    assert not places.knock("203.0.113.99")
    assert places.lost == ["too many connections"]
