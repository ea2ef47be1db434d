"""Calls: counted once, told once, forgotten in the end."""

from __future__ import annotations

import pytest

from appliance.proxy.calls import CallEnd, Calls, party, result_of
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.telemetry.metrics import Metrics


def request(method: str = "INVITE", call_id: str = "c1") -> Request:
    headers = [
        ("From", "<sip:10@example.org>;tag=a"),
        ("To", "<sip:11@example.org>"),
        ("Call-ID", call_id),
        ("CSeq", f"1 {method}"),
    ]
    return Request.create(method, "sip:11@example.org", headers)


@pytest.fixture
def told() -> list[CallEnd]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def calls(metrics: Metrics, told: list[CallEnd]) -> Calls:
    return Calls(metrics, told.append)


def test_a_call_that_is_answered_ends_with_its_bye(
    calls: Calls, told: list[CallEnd], metrics: Metrics
) -> None:
    calls.begin()
    assert calls.active == 1
    calls.decided(request(), 200, began=10.0, now=12.0)
    assert calls.active == 1
    assert told == []
    calls.hung_up(request("BYE"), 72.0)
    calls.hung_up(request("BYE"), 73.0)
    assert told == [CallEnd("c1", "10@example.org", "11@example.org", 200, "answered", 60.0)]
    assert calls.active == 0
    assert metrics.calls_completed["answered"] == 1
    assert metrics.call_setup_seconds.count == 1
    assert metrics.call_duration_seconds.sum == 60.0
    assert metrics.call_responses[200] == 1


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (486, "busy"),
        (408, "no_answer"),
        (487, "cancelled"),
        (603, "rejected"),
        (404, "not_found"),
        (500, "failed"),
    ],
)
def test_a_call_that_fails_is_told_at_once(
    calls: Calls, told: list[CallEnd], metrics: Metrics, status: int, result: str
) -> None:
    calls.begin()
    calls.decided(request(), status, 0.0, 1.0)
    assert [(end.status, end.result, end.seconds) for end in told] == [(status, result, None)]
    assert metrics.calls_completed[result] == 1
    assert metrics.call_responses[status] == 1
    assert metrics.call_duration_seconds.count == 0
    assert calls.active == 0
    assert result_of(status) == result


def test_a_call_that_leads_nowhere_counts(calls: Calls, told: list[CallEnd], metrics: Metrics) -> None:
    calls.refused(480)
    assert (metrics.call_attempts, metrics.calls_completed["no_answer"]) == (1, 1)
    assert metrics.call_responses[480] == 1
    assert (calls.active, told) == (0, [])


def test_a_call_whose_bye_never_came_is_forgotten_after_a_day(calls: Calls) -> None:
    calls.begin()
    calls.decided(request(call_id="old"), 200, 0.0, 0.0)
    calls.begin()
    calls.decided(request(call_id="new"), 200, 90_000.0, 90_000.0)
    assert calls.active == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bob <sip:b%6Fb@EXAMPLE.org:5070;user=phone>", "bob@example.org"),
        ("<tel:+4930123456>", "tel:+4930123456"),
        ("<nobody in particular>", "nobody in particular"),
    ],
)
def test_whoever_is_named_is_told_as_far_as_that_can_be_read(text: str, name: str) -> None:
    assert party(NameAddr.parse(text)) == name
