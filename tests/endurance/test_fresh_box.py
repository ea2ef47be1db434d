"""``./test`` on a Debian 13 that has nothing but Debian on it; tests/deploy has Debian 12, and less."""

from __future__ import annotations

import pytest

from tests.deploy.test_fresh_box import install_and_run
from tests.harness.debian_box import DebianBox

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1800)]


def test_tests_install_what_they_need() -> None:
    with DebianBox("trixie") as box:
        place = box.clone_repository()
        install_and_run(box, place, "unit")
        install_and_run(box, place, "tests/wire/test_baresip.py")
