"""Phones behind NATs as people have them: 30 seconds of patience, and minutes in which nobody says a word."""

from __future__ import annotations

import time

import pytest

from tests.harness.baresip import Baresip
from tests.harness.networks import Networks
from tests.harness.sipbox import Sipbox

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1200)]

SILENCE_SECONDS = 300


def test_reachable_after_five_minutes_of_silence() -> None:
    """With the settings that hold by default. Both hang up, in turn."""
    with Networks(udp_timeout=30) as net, Sipbox(place=net.public()) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        homes = net.home(), net.home()
        ten, eleven = (
            Baresip(user, f"secret-{user}", proxy=box.address, domain=box.domain, namespace=home.place())
            for user, home in zip(("10", "11"), homes, strict=True)
        )
        with ten, eleven:
            for phone in (ten, eleven):
                phone.wait_registered()
            before = [set(_sources(home.flows())) for home in homes]
            for leaver, stayer in ((ten, eleven), (eleven, ten)):
                time.sleep(SILENCE_SECONDS)
                ten.forget_events()
                eleven.forget_events()
                ten.dial("11")
                ten.wait_established()
                eleven.wait_established()
                leaver.hang_up()
                stayer.wait_closed()
            # Nobody's flow is another one than it was.
            assert all(kept & set(_sources(home.flows())) for kept, home in zip(before, homes, strict=True))


def _sources(flows: list[str]) -> list[str]:
    """The ports that a NAT has given to flows towards the box, as its kernel tells them."""
    return [
        word for flow in flows if " dport=5060 " in flow for word in flow.split()[-8:] if "dport=" in word
    ]
