"""Floods of each kind, from one address, a thousand, and another one for each packet: registered phones do
not notice, new ones get in, and the kernel has dropped most of it before the server has read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.besieged import Besieged
from tests.harness.networks import Networks, Place
from tests.harness.registering import PASSWORD, Connecting, Registering
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(600)

RATE, SECONDS = 5000, 3.0
#: Each kind, and each origin several times; tests/endurance has all of them, and four times as much.
KINDS = [
    *(("garbage", 1), ("garbage", 0), ("register", 1), ("register", 1000), ("invite", 0), ("options", 0)),
    *(("syn", 1000), ("syn", 0), ("tls", 1), ("tls", 1000), ("tls", 0)),
]


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with Networks() as net:
        siege = Besieged(net, tmp_path_factory.mktemp("siege"), newcomers=400)
        with siege.box:
            siege.box.add_subscribers({f"u{number}": PASSWORD for number in range(60)})
            yield siege


def phones_of(
    siege: Besieged, kind: str, place: Place, addresses: list[str], users: range, rate: float
) -> Registering | Connecting:
    """Phones that are reached by what is flooded: datagrams, or connections."""
    names = [f"u{number}" for number in users]
    if kind in ("syn", "tls"):
        return Connecting(place, addresses, names, siege.secure, rate, siege.tls)
    return Registering(place, addresses, names, siege.box.address, rate)


@pytest.mark.parametrize(("kind", "addresses"), KINDS)
def test_a_flood_hurts_nobody_who_is_registered_and_few_who_are_new(
    siege: Besieged, kind: str, addresses: int
) -> None:
    target = siege.box.address
    first = Registering(siege.office, [siege.office.address], ["u0"], target, 2)
    first.start()
    wait_until("the office is registered", lambda: first.succeeded > 0, timeout=20)
    wait_until("the kernel knows the office", lambda: siege.office.address in siege.known(), timeout=20)
    assert first.end() == 1
    office = [siege.office.address] * 100
    newcomers = [siege.newcomers.pop() for _ in range(30)]
    before, memory, half_open = siege.dropped(), siege.memory(), siege.half_open()
    phones = phones_of(siege, kind, siege.office, office, range(30), 20)
    new = phones_of(siege, kind, siege.strangers, newcomers, range(30, 60), 5)
    flood = siege.flood(kind, addresses, RATE, SECONDS)
    phones.start()
    new.start()
    try:
        assert flood.wait(SECONDS + 60) == 0, flood.log
    finally:
        flood.close()
        shares = phones.end(), new.end()
    assert shares[0] >= 0.999, (shares, phones.begun)
    assert shares[1] >= 0.9, (shares, new.begun)
    # What the firewall lets in: all together, and each address a little in hard times.
    let_in = 1000 * (2 + SECONDS) + addresses * (6 + SECONDS) if addresses != 1 else 300 + 50 * SECONDS
    assert siege.dropped() - before > 0.8 * (int(flood.log.split()[-1]) - let_in)
    assert siege.memory() - memory < 64 << 20
    if kind == "tls":  # they got as far as the server, and no further
        wait_until("their places were needed", lambda: siege.half_open() > half_open + 100, timeout=30)
    after = Registering(siege.strangers, [siege.newcomers.pop()], ["u1"], target, 5)
    after.start()
    wait_until("a new phone gets in at once", lambda: after.succeeded > 0, timeout=30)
    after.end()
