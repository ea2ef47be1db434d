"""Floods of 20,000 packets a second, of each kind and each origin, while real phones register and call.

Each row of the table prints a line of figures. All of them take about twelve minutes, on a machine that has
nothing else to do and two cores or more; ``SIPBOX_FLOOD_SECONDS`` and ``SIPBOX_FLOOD_RATE`` say how long and
how much.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness import sipp
from tests.harness.besieged import Besieged
from tests.harness.networks import Networks, Place
from tests.harness.registering import PASSWORD, PATIENCE, Connecting, Registering
from tests.harness.sipp import Sipp
from tests.harness.waiting import wait_until

SECONDS = float(os.environ.get("SIPBOX_FLOOD_SECONDS", "20"))
RATE = int(os.environ.get("SIPBOX_FLOOD_RATE", "20000"))
REGISTRATIONS, CALLS, NEWCOMERS = 200, 20, 10  # a second
#: The tables of sources when they are full, the transactions of half a minute, and a thousand half-open
#: handshakes (half of `max_connections`): docs/attacks.md.
MAY_GROW = 192 << 20
NORMAL_AFTER = 5.0
KINDS = ("garbage", "options", "register", "invite", "syn", "tls")
ORIGINS = {1: "one address", 1000: "a thousand addresses", 0: "a new one each time"}
OFFICE = [f"u{number}" for number in range(200)]
NEW = [f"n{number}" for number in range(200)]

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(600)]


class Siege(NamedTuple):
    """The world, a gateway that is trusted by its address, and the memory of the server before all of it."""

    world: Besieged
    gateway: Place
    memory: int


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with Networks() as net:
        world = Besieged(net, tmp_path_factory.mktemp("siege"), newcomers=20_000)
        gateway = net.public()
        with world.box as box:
            box.add_subscribers(dict.fromkeys(("10", "11", *OFFICE, *NEW), PASSWORD))
            box.sql(f"insert into trusted (src_ip, proto) values ('{gateway.address}', 'any')")
            wait_until("the gateway is known", lambda: gateway.address in world.known(), timeout=20)
            with Users(world, gateway, tmp_path_factory.mktemp("warm"), seconds=5) as users:
                assert users.wait().share > 0.9  # nobody floods yet
            wait_until("so is the office", lambda: world.office.address in world.known(), timeout=20)
            yield Siege(world, gateway, world.memory())


class Counted(NamedTuple):
    """How many registrations and calls there were, and how many of them failed."""

    begun: int
    failed: int
    slowest: float

    @property
    def share(self) -> float:
        """The part that has succeeded."""
        return 1 - self.failed / self.begun


class Users:
    """An office that registers and calls its colleague, and a gateway with calls for him."""

    def __init__(self, world: Besieged, gateway: Place, directory: Path, seconds: float) -> None:
        box, office = world.box, world.office
        calls, registrations = int(seconds * CALLS), int(seconds * REGISTRATIONS)
        keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
        timeout = seconds + 2 * PATIENCE
        # It rings for half a second, and knows a copy of an INVITE that a busy proxy sends.
        ringing = {"LINGER": "0"}
        self._callee = Sipp(
            "callee_after_a_while", directory, place=office, calls=calls, values=ringing, timeout=timeout
        )
        eleven = ["11", sipp.digest("11", PASSWORD), f"{office.address}:{self._callee.port}"]
        sipp.run("register", directory, box.address, place=office, users=[eleven], keys=keys)
        ten = ["10", sipp.digest("10", PASSWORD), "11"]
        rows = [[user, sipp.digest(user, PASSWORD), f"{office.address}:9"] for user in OFFICE]
        half = {"calls": calls // 2, "rate": CALLS // 2, "pause_ms": 1000}
        self._asking = [
            Sipp(
                scenario,
                directory,
                target=box.address,
                place=place,
                users=users,
                keys=keys,
                timeout=timeout,
                response_times=scenario == "register",
                **options,  # type: ignore[arg-type]
            )
            for scenario, place, users, options in (
                ("register", office, rows, {"calls": registrations, "rate": REGISTRATIONS}),
                ("caller", office, [ten], half),
                ("calling_gateway", gateway, [["11"]], half),
            )
        ]
        self._begun = registrations + 2 * (calls // 2)
        self._running = ExitStack()

    def __enter__(self) -> Users:
        try:
            for each in (self._callee, *self._asking):
                self._running.enter_context(each)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def wait(self) -> Counted:
        """Waits until all is over; what is under way when patience ends has failed."""
        succeeded = sum(each.wait().successful for each in self._asking)
        slowest = max(self._asking[0].response_times(), default=0.0)
        return Counted(self._begun, self._begun - succeeded, slowest)


@pytest.mark.parametrize("addresses", ORIGINS, ids=lambda number: ORIGINS[number])
@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_of(
    siege: Siege, kind: str, addresses: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = siege.world
    arriving = [
        world.newcomers.pop() for _ in range(int((SECONDS + 2) * NEWCOMERS))
    ]  # each of them comes once
    half = len(arriving) // 2
    dropped = world.dropped()
    new: list[Registering | Connecting] = [
        Registering(world.strangers, arriving[:half], NEW[:100], world.box.address, NEWCOMERS / 2),
        Connecting(world.strangers, arriving[half:], NEW[100:], world.secure, NEWCOMERS / 2, world.tls),
    ]
    with Users(world, siege.gateway, tmp_path, SECONDS) as users:
        flood = world.flood(kind, addresses, RATE, SECONDS)
        try:
            for each in new:
                each.start()
            assert flood.wait(SECONDS * 3) == 0, flood.log
            over = time.monotonic()
        finally:
            flood.close()
            for each in new:
                each.end()
        real = users.wait()
    grown = world.memory() - siege.memory
    sent, dropped = int(flood.log.split()[-1]), world.dropped() - dropped
    # What has to be normal after five seconds cannot be asked before.
    time.sleep(max(0.0, over + NORMAL_AFTER - time.monotonic()))
    hard = world.box.status()["flood"]["hard"]
    later = Registering(
        world.strangers, [world.newcomers.pop() for _ in range(20)], NEW[:20], world.box.address, 10
    )
    later.start()
    wait_until("twenty come afterwards", lambda: later.begun >= 20, timeout=30)
    after = later.end()
    begun = sum(each.begun for each in new)
    share = sum(each.succeeded for each in new) / begun
    with capsys.disabled():
        print(
            f"\n{kind}, {ORIGINS[addresses]}: {sent / SECONDS:,.0f} packets/s, {dropped / sent:.0%} dropped"
            f" by the kernel; registered and trusted {real.share:.2%} of {real.begun} (slowest registration"
            f" {real.slowest:.0f} ms), newcomers {share:.1%} of {begun}; memory {grown / 1e6:+.0f} MB;"
            f" five seconds after {after:.0%}, {later.repeated} repeated",
            end=" ",
        )
    assert real.share >= 0.999, real
    assert share >= 0.9, [(each.succeeded, each.begun) for each in new]
    assert grown < MAY_GROW
    assert not hard
    assert (after, later.repeated) == (1.0, 0)
