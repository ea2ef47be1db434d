from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance import __version__
from appliance.telemetry.catalogue import CATALOGUE
from appliance.telemetry.exposition import render
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.process import process_numbers


def families(metrics: Metrics) -> dict[str, object]:
    body, content_type = render(json.loads(json.dumps(metrics.snapshot())))
    assert content_type.startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def test_every_metric_is_exposed_with_its_help_and_type() -> None:
    found = families(Metrics())
    for metric in CATALOGUE:
        family = found[metric.name.removesuffix("_total")]
        assert family.type == metric.kind  # type: ignore[attr-defined]
        assert family.documentation == metric.help  # type: ignore[attr-defined]


def test_samples() -> None:
    metrics = Metrics()
    metrics.requests_received["INVITE", "tcp"] += 3
    metrics.call_setup_seconds.observe(0.2)
    metrics.call_setup_seconds.observe(500)
    found = families(metrics)
    samples = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in found.values()
        for sample in family.samples  # type: ignore[attr-defined]
    }
    labels = (("method", "INVITE"), ("transport", "tcp"))
    assert samples["sipbox_sip_requests_received_total", labels] == 3
    assert samples["sipbox_call_setup_seconds_bucket", (("le", "0.25"),)] == 1
    assert samples["sipbox_call_setup_seconds_bucket", (("le", "+Inf"),)] == 2
    assert samples["sipbox_call_setup_seconds_count", ()] == 2
    build = next(labels for name, labels in samples if name == "sipbox_build_info")
    assert dict(build)["version"] == __version__


def test_the_process_is_told_by_itself() -> None:
    snapshot = Metrics().snapshot()
    told = json.loads(json.dumps(process_numbers()))
    body = render(snapshot, process=told)[0].decode()
    for name in ("cpu_seconds_total", "resident_memory_bytes", "start_time_seconds", "open_fds", "max_fds"):
        assert f"\nprocess_{name} " in body
    assert "# TYPE process_cpu_seconds_total counter" in body
    assert b"process_" not in render(snapshot)[0]


def test_openmetrics_for_those_who_ask_for_it() -> None:
    body, content_type = render(Metrics().snapshot(), accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("version", ["", "x", "1.x.0", "2.<b>", "1.0.0.0.0", "-1", "9" * 5000])
def test_a_version_that_is_none_gets_the_plain_format(version: str) -> None:
    """Fuzzing found that the library compares it with numbers, and repeats it in the content type."""
    _, content_type = render({}, f"application/openmetrics-text;version={version};q=0.5")
    assert content_type.startswith("text/plain; version=0.0.4")


def test_what_the_catalogue_does_not_know_is_left_out() -> None:
    body, _ = render({"sipbox_from_the_future": [([], 1)]})
    assert b"future" not in body


def test_several_workers_have_a_label_but_for_what_they_share() -> None:
    snapshots = []
    for count in (3, 4):
        metrics = Metrics()
        metrics.requests_received["INVITE", "tcp"] += count
        metrics.registered_users = 7
        metrics.call_setup_seconds.observe(0.2)
        snapshots.append(json.loads(json.dumps(metrics.snapshot())))
    workers = {
        str(number): {"snapshot": snapshot, "process": process_numbers()}
        for number, snapshot in enumerate(snapshots, 1)
    }
    body, _ = render({**snapshots[0], "sipbox_up": [([], 1)]}, workers=workers)
    found = {family.name: family for family in text_string_to_metric_families(body.decode())}
    received = {
        sample.labels["worker"]: sample.value
        for sample in found["sipbox_sip_requests_received"].samples
        if (sample.labels["method"], sample.labels["transport"]) == ("INVITE", "tcp")
    }
    assert received == {"1": 3, "2": 4}
    assert [(each.labels, each.value) for each in found["sipbox_registered_users"].samples] == [({}, 7)]
    assert [(each.labels, each.value) for each in found["sipbox_up"].samples] == [({}, 1)]
    assert {each.labels["worker"] for each in found["sipbox_call_setup_seconds"].samples} == {"1", "2"}
    assert {each.labels["worker"] for each in found["process_open_fds"].samples} == {"1", "2"}
