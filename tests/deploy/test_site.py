"""site.yml: from a bare Debian to a telephone system that verify.yml has called through."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)

RELEASES = ("bookworm", "trixie")
#: What verify.yml tells when a call went through the box.
CALLED = re.compile(r"ok\s+[\d.]+ s\s+a call: INVITE, 180, 200, ACK, BYE")


@pytest.fixture
def checked_release() -> str:
    """Debian 13 is in tests/endurance."""
    return "bookworm"


@pytest.mark.parametrize("release", RELEASES)
def test_bare_box_becomes_a_telephone_system_and_a_second_run_changes_nothing(
    deployed: Deployments, release: str, record_property: Callable[[str, object], None]
) -> None:
    snapshot = deployed(release)
    record_property(f"seconds for {release}", round(snapshot.run.seconds))
    print(f"{release}: from a bare box to a verified call in {snapshot.run.seconds:.0f} s")
    assert CALLED.search(snapshot.run.output), snapshot.run.output[-4000:]

    with snapshot.boot() as box:
        again = ansible(box, "site.yml", "--diff", inventory=snapshot.inventory, plain=True).check()
        assert again.changed == 0, again.changes()
        assert CALLED.search(again.output)

        # The subscribers of the call are gone.
        assert "self-test" not in box.ssh("sipbox subscriber list; sipbox registration list").stdout


def test_a_check_of_a_box_that_is_in_order_finds_nothing(deployed: Deployments, checked_release: str) -> None:
    snapshot = deployed(checked_release)
    with snapshot.boot() as box:
        checked = ansible(box, "site.yml", "--check", "--diff", inventory=snapshot.inventory).check()
        assert checked.changed == 0, checked.changes()
        assert "+++ after" not in checked.output
