"""Restarts under load: SIPp registers and calls, the process is restarted again and again, and nothing fails.

Here nobody keeps the sockets, so what comes in the gap is lost and is sent again, as RFC 3261 §17 has it.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.waiting import wait_until
from tests.wire.conftest import Register, keys

RESTARTS = 3
USERS = [f"u{number}" for number in range(100)]
REGISTRATIONS = 600  # at 30 a second: longer than all restarts
CALLS = 60  # at 3 a second
# A call lasts until its 2xx has been sent five times (RFC 3261 §13.3.1.4): an ACK may get lost, and another.
LASTS_MS = 12_000
LINGER_MS = "6000"


def test_restarts_under_load_fail_no_registration_and_no_call(
    box: Sipbox, tmp_path: Path, register: Register
) -> None:
    box.add_subscribers(dict.fromkeys(USERS, "secret"))
    ports = [register(box, "11") for _ in range(3)]
    roles = ("callee_after_a_while", "cancelled_callee", "cancelled_callee")
    values = ({"LINGER": LINGER_MS}, {}, {})
    rows = [[user, sipp.digest(user, "secret"), "127.0.0.1:9"] for user in USERS]
    with ExitStack() as stack:
        phones = [
            stack.enter_context(Sipp(role, tmp_path, port=port, calls=CALLS, values=value, timeout=100))
            for role, port, value in zip(roles, ports, values, strict=True)
        ]
        calling = stack.enter_context(
            Sipp(
                "caller",
                tmp_path,
                target=box.address,
                users=[["10", sipp.digest("10", "secret-10"), "11"]],
                keys={"domain": box.domain},
                calls=CALLS,
                rate=3,
                pause_ms=LASTS_MS,
                timeout=100,
            )
        )
        registering = stack.enter_context(
            Sipp(
                "register",
                tmp_path,
                target=box.address,
                users=rows,
                keys=keys(box),
                calls=REGISTRATIONS,
                rate=30,
                timeout=100,
            )
        )
        for number in range(RESTARTS):
            enough = (number + 1) * REGISTRATIONS // (RESTARTS + 1)
            wait_until(
                f"{enough} registrations are through",
                lambda enough=enough: registering.so_far >= enough,
                timeout=60,
                every=0.1,
            )
            box.restart()
        assert registering.succeed().successful == REGISTRATIONS
        assert calling.succeed().successful == CALLS
        for phone in phones:
            assert phone.succeed().successful == CALLS
