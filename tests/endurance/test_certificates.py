"""A certificate renewed again and again while phones call one another: no call fails, memory stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance import control
from tests.endurance.test_steady_load import memory
from tests.harness.authority import Authority
from tests.harness.phone import hang_up, talk
from tests.wire.test_tls import Secured

RENEWALS = int(os.environ.get("SIPBOX_RENEWALS", "1000"))
#: Until caches and the allocator have what they keep.
_FIRST = 100
_MAY_GROW = 4_000_000

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1800)]


def test_a_thousand_renewals_under_load(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    changes = {"tls": {"server_authorities": str(authority.file)}, "auth": {"nonces_tracked": 100}}
    with Secured(authority, changes=changes) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        place = str(box.settings["sip"]["control"])
        before, seen = 0, set()
        with box.secure_phone("10") as caller, box.secure_phone("11") as callee:
            assert callee.register().status == 200
            for number in range(RENEWALS):
                if number == _FIRST:
                    before = memory(box.pid)
                box.renew()
                told = control.call(place, "certificates_reload")
                assert [each["name"] for each in told] == ["default", "example.org"]
                if number % 10 == 0:  # what is remembered of a call goes after half a minute
                    seen.add(box.shown().serial_number)
                    _, its = talk(caller, callee)
                    hang_up(callee, caller, its)
            grown = memory(box.pid) - before
        assert len(seen) == len(range(0, RENEWALS, 10))
        assert grown < _MAY_GROW, f"{grown / 1e6:.1f} MB more after {RENEWALS} renewals"
