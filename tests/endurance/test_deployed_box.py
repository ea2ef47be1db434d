"""What tests/deploy shows in short, for as long as it was promised, on both releases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.test_units import DOMAIN, WORKER, main_pid, restarts_under_load, shown
from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(params=["bookworm", "trixie"])
def box(request: pytest.FixtureRequest, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(request.param).boot() as copy:
        yield copy


def test_a_restart_every_ten_seconds_for_a_minute(
    box: BootedBox, box_network: BoxNetwork, tmp_path: Path
) -> None:
    restarts_under_load(box, box_network, tmp_path, registrations=200, calls=20, restarts=6)


def test_ten_minutes_without_the_database(box: BootedBox) -> None:
    before = main_pid(box)
    box.ssh("systemctl stop mariadb.service")
    time.sleep(600)
    assert main_pid(box) == before
    box.ssh("systemctl start mariadb.service")
    wait_until(
        "it is back", lambda: "database answers" in shown(box, WORKER, "StatusText"), timeout=60, every=0.5
    )


def test_how_long_until_phones_on_tcp_are_back_after_a_reboot(
    box: BootedBox, box_network: BoxNetwork, record_property: Callable[[str, object], None]
) -> None:
    """No connection outlives a reboot. Each of two hundred phones tries to connect again once a second."""
    users = [f"t{number}" for number in range(200)]
    values = ", ".join(f"('{user}', '{DOMAIN}', 'secret')" for user in users)
    box.ssh(f'mariadb openser -e "insert into subscriber (username, domain, password) values {values}"')
    phones = {user: registered(box, box_network, user) for user in users}
    assert all(phones.values())
    begun = time.monotonic()
    box.reboot()
    up = time.monotonic() - begun
    for phone in phones.values():
        if phone:
            phone.close()
    away, deadline = list(users), begun + 300
    while len(away) > len(users) // 100:
        assert time.monotonic() < deadline, f"{len(away)} are away still"
        began = time.monotonic()
        phones |= {user: registered(box, box_network, user) for user in away}
        away = [user for user, phone in phones.items() if phone is None]
        time.sleep(max(0.0, began + 1.0 - time.monotonic()))
    back = time.monotonic() - begun
    for phone in phones.values():
        if phone:
            phone.close()
    record_property("seconds until SSH answered", round(up, 1))
    record_property("seconds until 99 % were back", round(back, 1))
    print(f"{box.release}: SSH after {up:.1f} s, 99 % of the phones on TCP back after {back:.1f} s")


def registered(box: BootedBox, network: BoxNetwork, user: str) -> Phone | None:
    """A phone that has connected and registered, or None when that failed."""
    try:
        phone = Phone(
            user, "secret", proxy=(box.address, 5060), domain=DOMAIN, transport="tcp", address=network.address
        )
    except OSError:
        return None
    try:
        if phone.register().status == 200:
            return phone
    except (AssertionError, OSError):
        pass
    phone.close()
    return None
