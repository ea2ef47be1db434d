from __future__ import annotations

import pytest

from appliance.neighbours.frames import Alive
from appliance.neighbours.seal import MARKER, Opener, Refused, Sealer

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


class Wall:
    def __init__(self, now: float = 5000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def sealer(wall: Wall, life: int = 7, key: bytes = KEY, node: str = "a") -> Sealer:
    return Sealer(key, node, life, "192.0.2.1:5060", wall)


def opener(wall: Wall) -> Opener:
    return Opener(KEY, "b", 9, 30, wall)


def reason(door: Opener, packet: bytes) -> str:
    with pytest.raises(Refused) as refused:
        door.open(packet)
    return str(refused.value)


def test_what_was_sealed_is_opened(wall: Wall) -> None:
    envelope = opener(wall).open(sealer(wall).seal(Alive(3)))
    assert envelope is not None
    assert (envelope.node, envelope.life, envelope.number) == ("a", 7, 1)
    assert (envelope.sip, envelope.frame) == ("192.0.2.1:5060", Alive(3))


def test_nobody_without_the_key_is_believed(wall: Wall) -> None:
    assert reason(opener(wall), sealer(wall, key=OTHER_KEY).seal(Alive(1))) == "signature"


def test_no_bit_can_be_changed(wall: Wall) -> None:
    door, packet = opener(wall), sealer(wall).seal(Alive(1))
    for place in range(len(packet)):
        for bit in (1, 128):
            changed = bytearray(packet)
            changed[place] ^= bit
            assert reason(door, bytes(changed)) == ("marker" if place < len(MARKER) else "signature")
    for length in range(len(packet)):
        assert reason(door, packet[:length]) in ("marker", "signature")
    assert door.open(packet) is not None


def test_what_is_of_another_time_is_refused(wall: Wall) -> None:
    door, packet = opener(wall), sealer(wall).seal(Alive(1))
    wall.now += 31
    assert reason(door, packet) == "clock"
    early = sealer(Wall(wall.now + 31)).seal(Alive(1))
    assert reason(door, early) == "clock"
    assert reason(door, sealer(Wall(float("nan"))).seal(Alive(1))) == "clock"


def test_no_packet_is_believed_twice(wall: Wall) -> None:
    door, mouth = opener(wall), sealer(wall)
    packets = [mouth.seal(Alive(number)) for number in range(5)]
    for place in (0, 3, 1, 4, 2):  # however they are overtaken
        assert door.open(packets[place]) is not None
    for packet in packets:
        assert reason(door, packet) == "replayed"


def test_what_is_far_behind_is_refused(wall: Wall) -> None:
    door, mouth = opener(wall), sealer(wall)
    packets = [mouth.seal(Alive(number)) for number in range(1100)]
    assert door.open(packets[-1]) is not None
    assert reason(door, packets[0]) == "replayed"
    assert door.open(packets[-1024]) is not None


def test_an_older_life_is_over(wall: Wall) -> None:
    door, former = opener(wall), sealer(wall)
    old = former.seal(Alive(1))
    assert door.open(sealer(wall, life=8).seal(Alive(1))) is not None
    assert reason(door, old) == "replayed"


def test_a_node_whose_clock_was_set_back_is_believed_after_a_silence(wall: Wall) -> None:
    door = opener(wall)
    assert door.open(sealer(wall, life=8).seal(Alive(1))) is not None
    assert reason(door, sealer(wall, life=7).seal(Alive(1))) == "replayed"
    wall.now += 61
    assert door.open(sealer(wall, life=7).seal(Alive(1))) is not None


def test_what_was_said_before_our_start_is_refused(wall: Wall) -> None:
    packet = sealer(wall).seal(Alive(1))
    wall.now += 1
    assert reason(opener(wall), packet) == "replayed"


def test_our_own_packets_come_back_and_mean_nothing(wall: Wall) -> None:
    own = Sealer(KEY, "b", 9, "", wall).seal(Alive(1))
    assert opener(wall).open(own) is None


def test_another_node_of_our_name_is_refused(wall: Wall) -> None:
    assert reason(opener(wall), sealer(wall, node="b").seal(Alive(1))) == "name"
