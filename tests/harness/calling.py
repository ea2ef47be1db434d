"""A real phone in a place of its own, where what it says and what it hears are counted."""

from __future__ import annotations

from tests.harness.baresip import Baresip
from tests.harness.networks import Place
from tests.harness.rtp import RtpCounter
from tests.harness.waiting import wait_until

#: So much of a call has to be heard: a second of sound.
PACKETS = 50
PATIENCE = 30.0


class Calling:
    """A real phone in this world, and what it says and hears."""

    def __init__(self, phone: Baresip, place: Place) -> None:
        self.phone, self.place = phone, place
        self.rtp = RtpCounter(place)

    @property
    def user(self) -> str:
        return self.phone.user

    def free(self) -> bool:
        """Whether it has no call, in whatever state."""
        return "Active calls (0)" in self.phone.command("listcalls")


def hear(one: Calling, other: Calling) -> None:
    """A second of sound more comes to each."""
    wanted = [(each, each.rtp.heard + PACKETS) for each in (one, other)]
    wait_until(
        f"{one.user} and {other.user} hear each other",
        lambda: all(each.rtp.heard >= count for each, count in wanted),
        timeout=PATIENCE,
        every=0.1,
    )


def quiet(*phones: Calling) -> None:
    """Nothing is said and nothing heard any more, for as long as a dozen packets would take."""
    before: list[tuple[int, int]] = []

    def still() -> bool:
        now = [(each.rtp.said, each.rtp.heard) for each in phones]
        same = now == before
        before[:] = now
        return same

    wait_until("nobody hears anything", still, timeout=PATIENCE, every=0.25)
