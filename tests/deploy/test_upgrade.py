"""Another release on a box at work: nobody notices, a bad one goes back by itself, and so does whoever asks.

The newer release is a clone of this repository with another version, one more column, and one more setting.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import inventory_of
from tests.harness.box_control import Clone
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)

DOMAIN = "example.org"
UPGRADE = "ansible-playbook playbooks/upgrade.yml"
MIGRATION = '''"""A column that the release before knows nothing of."""

from __future__ import annotations

import sqlalchemy
from alembic import op

revision = "core_9000"
down_revision = "{last}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriber", sqlalchemy.Column("novelty", sqlalchemy.Integer(), nullable=True))
'''

MakeClone = Callable[..., Clone]


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("trixie").boot() as copy:
        yield copy


@pytest.fixture(scope="module")
def make_clone(box: BootedBox, deployed: Deployments, tmp_path_factory: pytest.TempPathFactory) -> MakeClone:
    """``make_clone("0.1.1")``: the administrator's clone of a release of that version."""

    def make(version: str, *edits: tuple[str, str, str]) -> Clone:
        place = tmp_path_factory.mktemp("clone") / "sipbox"
        clone = Clone(place, inventory_of([box], deployed("trixie").inventory))
        clone.call_itself(version)
        for edit in edits:
            clone.edit(*edit)
        return clone

    return make


@pytest.fixture(scope="module")
def newer(make_clone: MakeClone) -> Clone:
    clone = make_clone(
        "0.99.1",
        ("appliance/config/sections/signalling.py", "    nesting: ", "    novelty: Count = 1\n    nesting: "),
    )
    migrations = clone.place / "appliance/storage/migrations/core"
    last = "_".join(max(file.stem for file in migrations.glob("core_*.py")).split("_")[:2])
    (migrations / "core_9000_novelty.py").write_text(MIGRATION.format(last=last))
    return clone


@pytest.fixture(scope="module")
def phones(box: BootedBox, box_network: BoxNetwork) -> Iterator[list[Phone]]:
    """10 and 11, who register once and then are simply there."""

    def phone(user: str) -> Phone:
        return Phone(
            user,
            f"secret-{user}",
            proxy=(box.address, 5060),
            domain=DOMAIN,
            address=box_network.address,
        )

    with phone("10") as ten, phone("11") as eleven:
        for each in (ten, eleven):
            assert each.register().status == 200
        yield [ten, eleven]


def call(phones: list[Phone]) -> None:
    """10 calls 11, who has not registered again, and talks to it."""
    ten, eleven = phones
    dialog, _ = talk(ten, eleven)
    hang_up(ten, eleven, dialog)


def current(box: BootedBox) -> str:
    return box.ssh("basename $(readlink /opt/sipbox/current)").stdout.strip()


def test_under_load_nobody_notices(
    box: BootedBox, box_network: BoxNetwork, newer: Clone, phones: list[Phone], tmp_path: Path
) -> None:
    before, backups = current(box), box.ssh("sipbox backup list").stdout
    rows = [[user, sipp.digest(user, f"secret-{user}"), "127.0.0.1:9"] for user in ("12",)]
    keys = {"domain": DOMAIN, "expires": "3600", "contact_transport": "udp"}
    load = sipp.Sipp(
        "patient_register",
        tmp_path,
        target=(box.address, 5060),
        address=box_network.address,
        users=rows,
        keys=keys,
        calls=100_000,
        at_once=200,
        rate=20,
        timeout=1500,
    )
    with load:
        wait_until("phones register", lambda: load.so_far > 0, timeout=30)
        done = newer.run(f'{UPGRADE} -e \'{{"sip_settings": {{"limits": {{"novelty": 2}}}}}}\'')
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        after = load.so_far
        wait_until("phones go on registering", lambda: load.so_far > after + 20, timeout=60)
        os.kill(load.pid, signal.SIGUSR1)  # it ends what is begun
        counted = load.wait()
    assert counted.failed == 0, load.errors()
    assert current(box).startswith("0.99.1+")
    assert before in done.stdout  # it says how to go back
    assert "novelty = 2" in box.ssh("cat /etc/sipbox/sipbox.toml").stdout
    assert "core_9000" in box.ssh("sipbox database status").stdout
    assert len(box.ssh("sipbox backup list").stdout.splitlines()) > len(backups.splitlines())
    assert box.ssh(f"stat -c '%a %U' /opt/sipbox/releases/{before}/.settings.tar").stdout == "600 root\n"
    call(phones)


def test_a_release_that_fails_its_verification_goes_back_by_itself(
    box: BootedBox, make_clone: MakeClone, phones: list[Phone]
) -> None:
    before = current(box)
    settings = box.ssh("cat /etc/sipbox/sipbox.toml").stdout
    # It starts, and finds nobody who is called.
    bad = make_clone(
        "0.99.2",
        ("appliance/proxy/targets.py", "return targets if len(targets) < 2", "return [] if len(targets) < 2"),
    )
    done = bad.run(UPGRADE)
    assert done.returncode != 0
    told = " ".join(done.stdout.split())
    assert f"the box works with {before} again" in told, told[-3000:]
    assert "the self-test failed: no INVITE" in told
    assert current(box) == before
    assert "0.99.2" not in box.ssh("ls /opt/sipbox/releases").stdout
    assert box.ssh("cat /etc/sipbox/sipbox.toml").stdout == settings
    call(phones)


def test_back_by_hand(box: BootedBox, newer: Clone, phones: list[Phone]) -> None:
    """The older release gets the settings that it knows, and works with a table that has a column more."""
    releases = box.ssh("ls /opt/sipbox/releases").stdout.split()
    before = current(box)
    [oldest] = [name for name in releases if not name.startswith("0.99.")]
    done = newer.run(f"{UPGRADE} -e sipbox_release={oldest}")
    assert done.returncode == 0, done.stdout[-6000:]
    assert current(box) == oldest
    assert "novelty" not in box.ssh("cat /etc/sipbox/sipbox.toml").stdout
    assert "core_9000" in box.ssh("sipbox database status").stdout
    call(phones)

    # The newer one has come to harm meanwhile, and does not even start: back again.
    packages = f"/opt/sipbox/releases/{before}/venv/lib/python3*/site-packages"
    box.ssh(f"sed -i '1i import nothing' {packages}/appliance/server.py")
    forth = newer.run(f"{UPGRADE} -e sipbox_release={before}")
    assert forth.returncode != 0
    told = " ".join(forth.stdout.split())
    assert f"the box works with {oldest} again" in told, told[-3000:]
    assert current(box) == oldest
    call(phones)


def test_a_release_that_is_not_there_is_refused(box: BootedBox, newer: Clone) -> None:
    before = current(box)
    done = newer.run(f"{UPGRADE} -e sipbox_release=9.9.9+00000000")
    assert done.returncode != 0
    assert "has no release 9.9.9+00000000" in " ".join(done.stdout.split())
    assert current(box) == before


def test_environments_of_another_python_are_made_anew(
    box: BootedBox, newer: Clone, phones: list[Phone]
) -> None:
    """As after Debian 12 has become 13: the Python that they were made with is gone."""
    before = current(box)
    for place in box.ssh("ls -d /opt/sipbox/releases/*").stdout.split():
        box.ssh(f"mv {place}/.complete-3.* {place}/.complete-3.9; rm -r {place}/venv/lib/python3*")
    assert box.ssh("sipbox version", check=False).returncode != 0
    refused = newer.run(f"{UPGRADE} -e sipbox_release={before}")
    assert refused.returncode != 0
    assert "the box's Python is another one" in " ".join(refused.stdout.split()).replace("''", "'")
    done = newer.run(UPGRADE)
    assert done.returncode == 0, done.stdout[-6000:]
    assert box.ssh("sipbox version").stdout.startswith("sipbox 0.99.1")
    assert box.ssh("tar -tf $(ls /var/backups/sipbox/*.tar | tail -1)").stdout.startswith("manifest.json")
    call(phones)
