"""Ten thousand calls of every kind, and nothing is left of them (RFC 3261 §17: every state has an end)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.waiting import wait_until
from tests.wire.conftest import Register

KINDS = {
    # The callee, who calls it, how it behaves, how often, and what its caller hears in the end.
    "11": ("caller", "callee", 6000, {}),
    "12": ("refused_caller", "busy_callee", 2000, {"STATUS": "486"}),
    "13": ("cancelling_caller", "cancelled_callee", 2000, {}),
}
SECONDS = 60


@pytest.mark.timeout(400)
def test_nothing_is_left_of_ten_thousand_calls(tmp_path: Path, register: Register) -> None:
    with Sipbox() as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", *KINDS)})
        phones: list[Sipp] = []
        try:
            for user, (calling, answering, calls, values) in KINDS.items():
                port = register(box, user)
                callee = Sipp(
                    answering, tmp_path, port=port, calls=calls, values={"LINGER": "0"}, timeout=200
                )
                phones.append(callee.start())
                row = ["10", sipp.digest("10", "secret-10"), user]
                caller = Sipp(
                    calling,
                    tmp_path,
                    target=box.address,
                    users=[row],
                    keys={"domain": box.domain},
                    values=values,
                    calls=calls,
                    at_once=500,
                    rate=calls // SECONDS,
                    timeout=200,
                )
                phones.append(caller.start())
            assert sum(phone.succeed().successful for phone in phones) == 20_000
        finally:
            for phone in phones:
                phone.close()

        # The longest that anything may stay is 64*T1 (timers H and L, RFC 6026), which is 32 s.
        status = wait_until(
            "no transaction and no call is left", lambda: nothing_left(box), timeout=40, every=1
        )
        assert status["state"] == "ok"


def nothing_left(box: Sipbox) -> dict[str, object] | None:
    status = box.status()
    return None if any(status["transactions"].values()) or status["calls"] else status
