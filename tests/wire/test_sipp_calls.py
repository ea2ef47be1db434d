"""SIPp calls through the server: answered, cancelled, busy, unanswered, forked, lossy, a thousand at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.wire.conftest import Register


def caller(box: Sipbox, directory: Path, scenario: str = "caller", **options: Any) -> Sipp:
    """SIPp as the phone of 10, which calls 11."""
    row = ["10", sipp.digest("10", "secret-10"), "11"]
    return Sipp(scenario, directory, target=box.address, users=[row], keys={"domain": box.domain}, **options)


def call(box: Sipbox, directory: Path, register: Register, scenario: str, callee: str, **values: str) -> None:
    """Ten calls from 10 to 11 at five a second: every one goes as both sides expect it."""
    port = register(box, "11")
    with (
        Sipp(callee, directory, port=port, calls=10, values={"LINGER": "0"}) as answering,
        caller(box, directory, scenario, calls=10, rate=5, values=values) as calling,
    ):
        assert calling.succeed().successful == 10
        assert answering.succeed().successful == 10


def test_authenticated_call_with_record_route(box: Sipbox, tmp_path: Path, register: Register) -> None:
    call(box, tmp_path, register, "caller", "callee")


def test_caller_hangs_up_while_it_rings(box: Sipbox, tmp_path: Path, register: Register) -> None:
    call(box, tmp_path, register, "cancelling_caller", "cancelled_callee")


def test_busy(box: Sipbox, tmp_path: Path, register: Register) -> None:
    call(box, tmp_path, register, "refused_caller", "busy_callee", STATUS="486")


def test_callee_that_is_not_registered(box: Sipbox, tmp_path: Path) -> None:
    values = {"STATUS": "480"}
    with caller(box, tmp_path, "refused_caller", calls=10, values=values) as calling:
        calling.succeed()


@pytest.fixture
def impatient_box(database_url: str | None) -> Iterator[Sipbox]:
    """A server that lets a phone ring for two seconds."""
    with Sipbox(database_url, settings={"sip": {"ring_seconds": 2}}) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


def test_nobody_answers(impatient_box: Sipbox, tmp_path: Path, register: Register) -> None:
    call(impatient_box, tmp_path, register, "refused_caller", "cancelled_callee", STATUS="408")


def test_call_over_tcp(box: Sipbox, tmp_path: Path, register: Register) -> None:
    port = register(box, "11", transport="tcp")
    with (
        Sipp("callee", tmp_path, port=port, calls=10, transport="t1", values={"LINGER": "0"}) as answering,
        caller(box, tmp_path, calls=10, rate=5, transport="t1") as calling,
    ):
        calling.succeed()
        answering.succeed()


def test_one_of_three_phones_answers_and_the_others_stop_ringing(
    box: Sipbox, tmp_path: Path, register: Register
) -> None:
    calls = 10
    ports = [register(box, "11") for _ in range(3)]
    with ExitStack() as stack:
        phones = [
            stack.enter_context(Sipp(role, tmp_path, port=port, calls=calls, values=values))
            for port, role, values in zip(
                ports,
                ("callee_after_a_while", "cancelled_callee", "cancelled_callee"),
                ({"LINGER": "0"}, {}, {}),
                strict=True,
            )
        ]
        calling = stack.enter_context(caller(box, tmp_path, calls=calls, rate=5))
        calling.succeed()
        for phone in phones:
            assert phone.succeed().successful == calls


def test_calls_over_a_lossy_path(box: Sipbox, tmp_path: Path, register: Register) -> None:
    """Three packets of a hundred get lost, each way, at both phones: they are sent again, and no call fails.

    A 200 and its ACK go from end to end, and both may be lost on both legs. So a call lasts until the callee
    has sent its 200 six times (RFC 3261 §13.3.1.4), and the callee stays as long after a BYE: that all six
    fail happens in one call of half a million.
    """
    calls = 100
    port = register(box, "11")
    with (
        Sipp("callee", tmp_path, port=port, calls=calls, lost=3, values={"LINGER": "12000"}) as answering,
        caller(box, tmp_path, calls=calls, rate=50, lost=3, pause_ms=13000) as calling,
    ):
        counted = calling.succeed()
        assert counted.successful == calls
        assert counted.retransmissions > 0
        assert answering.succeed().successful == calls


def test_a_thousand_calls_at_once(box: Sipbox, tmp_path: Path, register: Register) -> None:
    calls = 1000
    port = register(box, "11")
    with (
        Sipp("callee", tmp_path, port=port, calls=calls, values={"LINGER": "0"}) as answering,
        caller(box, tmp_path, calls=calls, rate=200, pause_ms=9000) as calling,
    ):
        counted = calling.succeed()
        assert (counted.successful, counted.at_once) == (calls, calls)
        assert answering.succeed().successful == calls
