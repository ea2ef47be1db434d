"""The rules by promtool: each alert fires when it should and is silent when it should; ratios add up."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.sipbox import REPOSITORY
from tests.monitoring.alert_cases import CASES

RULES = REPOSITORY / "roles" / "monitoring" / "files" / "rules"
FILES = sorted(RULES.glob("*.yml"))
ALERTS = {
    rule["alert"]: rule
    for file in FILES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
#: What it is about an alert that somebody has to be told.
ANNOTATIONS = {"summary", "description", "action", "runbook_url"}


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def series(samples: dict[str, str]) -> list[dict[str, str]]:
    """With the labels that all have: those of the box, and the job unless it is another one."""
    found = []
    for name, values in samples.items():
        metric, labels = re.fullmatch(r"(\w+)\{\{(.*)\}\}", name).groups()  # type: ignore[union-attr]
        given = labels.split(",") if labels else []
        given += ['instance="box"'] if "job=" in labels else ['job="sipbox"', 'instance="box"']
        found.append({"series": f"{metric}{{{','.join(given)}}}", "values": values})
    return found


def check(place: Path, samples: dict[str, str], minutes: int, tests: dict[str, Any]) -> None:
    """Runs all rules over ``samples``, and ``tests`` at the end."""
    for kind in tests.values():
        for test in kind:
            test["eval_time"] = f"{minutes}m"
    document = {
        "rule_files": [str(file) for file in FILES],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series(samples), **tests}],
    }
    file = place / "test.yml"
    file.write_text(json.dumps(document))
    promtool("test", "rules", file)


def fires(alert: str, count: int) -> dict[str, Any]:
    query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    samples = [{"labels": "{}", "value": count}] if count else []
    return {"promql_expr_test": [{"expr": query, "exp_samples": samples}]}


def test_promtool_has_nothing_to_say() -> None:
    promtool("check", "rules", *FILES)


def test_every_alert_has_its_cases() -> None:
    assert list(CASES) == [alert for alert in ALERTS if alert != "SipboxWatchdog"]


@pytest.mark.parametrize("alert", CASES)
def test_it_fires(alert: str, tmp_path: Path) -> None:
    case = CASES[alert]
    check(tmp_path, dict(case.fires), case.minutes, fires(alert, 1))


@pytest.mark.parametrize("alert", CASES)
def test_it_stays_silent(alert: str, tmp_path: Path) -> None:
    case = CASES[alert]
    check(tmp_path, dict(case.silent), case.minutes, fires(alert, 0))


def test_the_watchdog_is_always_there(tmp_path: Path) -> None:
    check(tmp_path, {"up{{}}": "1x5"}, 3, fires("SipboxWatchdog", 1))


def test_nothing_else_is_there_when_all_is_well(tmp_path: Path) -> None:
    calm = {
        "up{{}}": "1x60",
        "sipbox_up{{}}": "1x60",
        "sipbox_database_up{{}}": "1x60",
        "sipbox_database_spool_rows{{}}": "0x60",
        "process_start_time_seconds{{}}": "0x60",
        "sipbox_config_last_reload_success{{}}": "1x60",
        'sipbox_bindings_active{{transport="udp"}}': "40+1x60",
        'sipbox_call_responses_total{{code="200"}}': "0+30x60",
        'sipbox_call_responses_total{{code="503"}}': "0x60",
    }
    query = 'count(ALERTS{alertname!="SipboxWatchdog"})'
    check(tmp_path, calm, 50, {"promql_expr_test": [{"expr": query, "exp_samples": []}]})


@pytest.mark.parametrize("alert", ALERTS)
def test_it_says_what_it_means_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert set(rule["annotations"]) == ANNOTATIONS
    assert all(text.strip() for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/alerts.md#{alert.lower()}")


def test_it_is_told_in_a_sentence(tmp_path: Path) -> None:
    alert = {
        "alertname": "SipboxCallsFail",
        "exp_alerts": [
            {
                "exp_labels": {"job": "sipbox", "instance": "box", "severity": "critical"},
                "exp_annotations": ALERTS["SipboxCallsFail"]["annotations"]
                | {"summary": "9.091% of the calls of box end with an error of a server."},
            }
        ],
    }
    case = CASES["SipboxCallsFail"]
    check(tmp_path, dict(case.fires), case.minutes, {"alert_rule_test": [alert]})


def ratio(name: str, value: float) -> dict[str, Any]:
    sample = {"labels": '{job="sipbox", instance="box"}', "value": round(value * 1000)}
    return {"promql_expr_test": [{"expr": f"round(1000 * instance:{name})", "exp_samples": [sample]}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Of 100: 50 answered, 20 busy, 10 away, 5 forbidden, 5 silent, 5 failed, and 5 sent elsewhere.
        ("sipbox_call_ser:ratio5m", 50 / 95),
        ("sipbox_call_seer:ratio5m", 80 / 95),
        ("sipbox_call_isa:ratio5m", 10 / 100),
        ("sipbox_call_failure:ratio5m", 5 / 100),
    ],
)
def test_ratios_of_calls(name: str, value: float, tmp_path: Path) -> None:
    each = {200: 50, 486: 20, 480: 10, 403: 5, 408: 5, 503: 5, 302: 5}
    samples = {
        f'sipbox_call_responses_total{{{{code="{code}"}}}}': f"0+{count}x10" for code, count in each.items()
    }
    check(tmp_path, samples, 10, ratio(name, value))


def test_challenges_are_no_failed_registrations(tmp_path: Path) -> None:
    each = {200: 60, 401: 600, 403: 15, 503: 5}
    samples = {
        f'sipbox_sip_responses_sent_total{{{{method="REGISTER",code="{code}"}}}}': f"0+{count}x10"
        for code, count in each.items()
    }
    check(tmp_path, samples, 10, ratio("sipbox_register_ira:ratio5m", 0.25))


def test_a_worker_that_starts_anew_makes_no_spike(tmp_path: Path) -> None:
    """Two workers with 30 calls a minute each; the second begins with 0 again after ten minutes."""
    samples = {
        'sipbox_call_responses_total{{worker="1",code="200"}}': "100000+30x20",
        'sipbox_call_responses_total{{worker="2",code="200"}}': "500000+30x10 0+30x10",
    }
    check(tmp_path, samples, 12, ratio("sipbox_calls:rate5m", 0.9))
