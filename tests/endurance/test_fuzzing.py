"""Millions of spoilt inputs: for each of those who read strangers' bytes, and at a running server.

``SIPBOX_ENDURANCE_INPUTS`` says how many each of them gets; a million by default.
"""

from __future__ import annotations

import os

import pytest

from tests.harness.fuzzing import Mutator, fuzz, memory
from tests.torture.scene import Scene
from tests.torture.spoilt import EVERY, SEEDS, throw
from tests.unit.fuzzed import TARGETS

COUNT = int(os.environ.get("SIPBOX_ENDURANCE_INPUTS", "1000000"))
#: What is remembered is bounded; all of it is there after the first half.
GROWTH = 4 << 20
#: The same of a server, which has transactions of the last half minute, and what the allocator keeps of them.
SERVER_GROWTH = 24 << 20

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_raised_nothing_takes_long_and_nothing_grows(name: str) -> None:
    target = TARGETS[name]
    grown = fuzz(target.make(11), Mutator(target.seeds, 11).inputs(COUNT), warm_up=COUNT // 2)
    assert grown < GROWTH, f"{grown >> 10} KiB more after {COUNT} inputs"


def test_a_server_answers_every_fiftieth_message_which_is_a_good_one() -> None:
    """Half of them over UDP, half over TCP, each in two halves."""
    with Scene() as scene:
        seen = []
        for number in range(4):
            transport = ("udp", "tcp")[number % 2]
            inputs = Mutator(SEEDS, 20 + number).inputs(COUNT // 4)
            assert throw(scene, transport, inputs) == COUNT // 4 // EVERY
            seen.append(memory(scene.box.pid))
        assert seen[3] - seen[1] < SERVER_GROWTH, [f"{each >> 20} MiB" for each in seen]
        scene.box.assert_no_accident()
