"""Phones behind NATs as people have them: 30 seconds of patience, and minutes in which nobody says a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.four_networks import FourNetworks

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1200)]

SILENCE_SECONDS = 300


def test_reachable_after_five_minutes_of_silence_and_after_they_were_forgotten(tmp_path: Path) -> None:
    """With the settings that hold by default."""
    with FourNetworks(tmp_path) as world:
        world.call_around()
        world.spend(SILENCE_SECONDS)
        world.call_around()
        world.forget()
        world.call_around()
        print(f"{world.answered()} keep-alives were answered by {len(world.phones)} phones")
