"""``./test`` on a Debian that has nothing but Debian on it; and a newcomer's ``./run`` on Debian 12."""

from __future__ import annotations

import re

import pytest

from tests.deploy.test_fresh_box import debian, test_newcomer_types_run_and_two_phones_call_each_other
from tests.harness.debian_box import DebianBox

__all__ = ["debian", "test_newcomer_types_run_and_two_phones_call_each_other"]

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1800)]


@pytest.fixture
def release() -> str:
    return "bookworm"


@pytest.mark.parametrize("fresh", ["bookworm", "trixie"])
def test_tests_install_what_they_need(fresh: str) -> None:
    with DebianBox(fresh) as box:
        place = box.clone_repository()
        for tests in ("unit", "tests/wire/test_baresip.py"):
            done = box.run(
                # No service of the packages that came with it runs: pgrep fails to find one.
                ["sh", "-c", f"./test {tests} -q && ! pgrep -x mariadbd >&2"],
                directory=place,
                timeout=1500,
            )
            assert re.search(r"\d+ passed", done.stdout.splitlines()[-1]), done.stdout[-2000:]
