from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from appliance.workers import link
from appliance.workers.link import Link


class End:
    """One worker of two."""

    def __init__(self, number: int, directory: Path) -> None:
        self.heard: list[bytes] = []
        self.lost: list[int] = []
        other = 3 - number
        self.link = Link(
            str(directory / f"{number}.sock"),
            {other: str(directory / f"{other}.sock")},
            self.heard.append,
            self.lost.append,
        )


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[End, End]]:
    both = End(1, tmp_path), End(2, tmp_path)
    yield both
    for end in both:
        end.link.stop()


def eventually(question: object) -> None:
    with gevent.Timeout(10):
        while not question():  # type: ignore[operator]
            gevent.sleep(0.005)


def test_what_is_said_arrives_whole_and_in_order(ends: tuple[End, End]) -> None:
    one, two = ends
    for end in ends:
        end.link.listen()
        end.link.start()
    said = [bytes([number]) * (number * 100 + 1) for number in range(100)]
    for packet in said:
        assert one.link.send(2, packet)
    eventually(lambda: len(two.heard) == 100)
    assert two.heard == said
    assert two.link.send(1, b"back")
    eventually(lambda: one.heard == [b"back"])


def test_nobody_is_there(ends: tuple[End, End]) -> None:
    one, _ = ends
    assert not one.link.send(2, b"x")
    assert not one.link.send(9, b"x")


def test_who_listens_and_has_not_started_misses_nothing(ends: tuple[End, End]) -> None:
    one, two = ends
    two.link.listen()
    assert one.link.send(2, b"early")
    two.link.start()
    eventually(lambda: two.heard == [b"early"])


def test_a_lookup_need_not_wait_for_the_loop(ends: tuple[End, End]) -> None:
    one, two = ends
    two.link.listen()
    two.link.start()
    assert one.link.send(2, b"a")
    eventually(lambda: two.heard == [b"a"])
    assert one.link.send(2, b"b")
    two.link.drain()
    assert two.heard == [b"a", b"b"]


def test_a_hung_worker_holds_up_nobody_and_what_is_beyond_is_dropped(
    ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_WAITING", 50)
    one, two = ends
    two.link.listen()  # it reads nothing: not started
    taken = 0
    with gevent.Timeout(20):
        while one.link.send(2, b"%06d" % taken + bytes(1000)):
            taken += 1
    assert taken > 50
    assert one.link.dropped == 1
    two.link.start()
    eventually(lambda: len(two.heard) == taken)
    assert [int(packet[:6]) for packet in two.heard] == list(range(taken))
    assert one.link.send(2, b"again")
    eventually(lambda: two.heard[-1] == b"again")


def test_a_death_is_known_and_the_next_process_is_found(ends: tuple[End, End], tmp_path: Path) -> None:
    one, two = ends
    two.link.listen()
    two.link.start()
    assert one.link.send(2, b"x")
    eventually(lambda: two.heard == [b"x"])
    two.link.stop()
    assert not one.link.send(2, b"y")
    assert one.lost == [2]
    new = End(2, tmp_path)
    new.link.listen()
    new.link.start()
    assert one.link.send(2, b"z")
    eventually(lambda: new.heard == [b"z"])
    new.link.stop()


def test_the_socket_is_for_its_owner_and_group(ends: tuple[End, End], tmp_path: Path) -> None:
    (tmp_path / "1.sock").write_text("left by a dead process")
    ends[0].link.listen()
    assert (tmp_path / "1.sock").stat().st_mode & 0o777 == 0o660
    ends[0].link.start()
    ends[0].link.stop()
    assert not (tmp_path / "1.sock").exists()
