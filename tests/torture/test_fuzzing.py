"""Ten thousand spoilt messages over UDP and as many over TCP: every fiftieth one is good, and is answered."""

from __future__ import annotations

import pytest

from tests.harness.fuzzing import Mutator
from tests.torture.scene import Scene
from tests.torture.spoilt import EVERY, SEEDS, throw

COUNT = 10_000


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_whoever_asks_properly_is_answered_all_the_time(transport: str) -> None:
    with Scene() as scene:
        assert throw(scene, transport, Mutator(SEEDS, 5).inputs(COUNT)) == COUNT // EVERY
        scene.box.assert_no_accident()
