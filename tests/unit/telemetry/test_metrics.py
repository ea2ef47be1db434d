from __future__ import annotations

import json
from typing import get_type_hints

import pytest

from appliance.telemetry.catalogue import CATALOGUE, METHODS
from appliance.telemetry.metrics import Metrics, Snapshot


def value(snapshot: Snapshot, name: str, *labels: str) -> object:
    return {tuple(values): number for values, number in snapshot[name]}[labels]


def test_the_catalogue_and_the_attributes_are_the_same_list() -> None:
    assert list(get_type_hints(Metrics)) == [metric.attribute for metric in CATALOGUE]
    metrics = Metrics()
    assert all(hasattr(metrics, metric.attribute) for metric in CATALOGUE)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_names_follow_prometheus_practice(metric: object) -> None:
    name, kind, words = metric.name, metric.kind, metric.help  # type: ignore[attr-defined]
    assert name.startswith("sipbox_")
    assert name.endswith("_total") == (kind == "counter")
    assert (kind == "histogram") == bool(metric.bounds)  # type: ignore[attr-defined]
    assert list(metric.bounds) == sorted(set(metric.bounds))  # type: ignore[attr-defined]
    assert words[0].isupper() or words[0].isdigit()
    assert words.endswith(".")


def test_known_label_sets_are_there_from_the_start() -> None:
    snapshot = Metrics().snapshot()
    assert len(snapshot["sipbox_sip_requests_received_total"]) == (len(METHODS) + 1) * 5
    assert value(snapshot, "sipbox_registrations_total", "added") == 0
    assert value(snapshot, "sipbox_call_attempts_total") == 0
    assert value(snapshot, "sipbox_sip_responses_sent_total", "INVITE", "503") == 0
    assert value(snapshot, "sipbox_sip_responses_received_total", "BYE", "200") == 0
    assert value(snapshot, "sipbox_call_responses_total", "486") == 0
    for labels in (("INVITE", "server"), ("other", "client")):
        told = value(snapshot, "sipbox_transaction_duration_seconds", *labels)
        assert isinstance(told, dict)
        assert told["count"] == 0


def test_what_is_counted_is_in_the_snapshot_and_json_can_say_it() -> None:
    metrics = Metrics()
    metrics.requests_received["REGISTER", "udp"] += 2
    metrics.requests_received["KDMQ", "udp"] += 1
    metrics.responses_sent["REGISTER", 401] += 1
    metrics.responses_sent["REGISTER", 999] += 1
    metrics.call_attempts += 1
    metrics.database_query_seconds["load"].observe(0.003)
    snapshot = json.loads(json.dumps(metrics.snapshot()))
    assert value(snapshot, "sipbox_sip_requests_received_total", "REGISTER", "udp") == 2
    assert value(snapshot, "sipbox_sip_requests_received_total", "other", "udp") == 1
    assert value(snapshot, "sipbox_sip_responses_sent_total", "REGISTER", "401") == 1
    assert value(snapshot, "sipbox_sip_responses_sent_total", "REGISTER", "other") == 1
    assert value(snapshot, "sipbox_call_attempts_total") == 1
    told = value(snapshot, "sipbox_database_query_seconds", "load")
    assert isinstance(told, dict)
    assert told["count"] == 1
    assert dict(map(tuple, told["buckets"]))[0.0025] == 0
    assert dict(map(tuple, told["buckets"]))[0.005] == 1


def test_a_source_is_asked_when_somebody_looks() -> None:
    metrics = Metrics()
    answers = iter([3, 4])
    metrics.source("calls_active", lambda: next(answers))
    assert value(metrics.snapshot(), "sipbox_calls_active") == 3
    assert value(metrics.snapshot(), "sipbox_calls_active") == 4


def test_a_source_of_many_is_kept_to_the_labels_that_are_allowed() -> None:
    metrics = Metrics()
    metrics.source("transaction_timeouts", lambda: {"INVITE": 1, "FOO": 2, "BAR": 3})
    snapshot = metrics.snapshot()
    assert value(snapshot, "sipbox_transaction_timeouts_total", "INVITE") == 1
    assert value(snapshot, "sipbox_transaction_timeouts_total", "other") == 5
    assert value(snapshot, "sipbox_transaction_timeouts_total", "BYE") == 0


def test_a_source_of_tuples() -> None:
    metrics = Metrics()
    metrics.source("database_queries", lambda: {("load", "ok"): 7})
    assert value(metrics.snapshot(), "sipbox_database_queries_total", "load", "ok") == 7


def test_a_source_for_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no metric 'bindings'"):
        Metrics().source("bindings", lambda: 1)


def test_a_stranger_makes_no_new_histogram() -> None:
    metrics = Metrics()
    before = {name: len(samples) for name, samples in metrics.snapshot().items()}
    metrics.request_handling_seconds["KDMQ"].observe(0.1)
    metrics.transaction_seconds.observe(("KDMQ", "server"), 0.1)
    snapshot = metrics.snapshot()
    assert {name: len(samples) for name, samples in snapshot.items()} == before
    told = value(snapshot, "sipbox_transaction_duration_seconds", "other", "server")
    assert isinstance(told, dict)
    assert told["count"] == 1
