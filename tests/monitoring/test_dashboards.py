"""The dashboards without Grafana: its models take them, its linter's rules hold, and metrics are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from appliance.telemetry.catalogue import BUILD_INFO, BY_AGENT, CATALOGUE
from scripts.dashboards.__main__ import DASHBOARDS as MADE
from scripts.dashboards.__main__ import text
from scripts.dashboards.shapes import HEIGHT, WIDTH
from tests.monitoring.queries import (
    DASHBOARDS,
    FILES,
    RULES,
    TARGETS,
    Asked,
    Target,
    filled_in,
    grouped,
    selectors,
)

#: By the name that Prometheus sees: each metric of the catalogue, and the labels that it has.
OURS = {metric.name: metric for metric in (BUILD_INFO, *BY_AGENT, *CATALOGUE)}
LABELS = {name: {label.name for label in metric.labels} for name, metric in OURS.items()}
#: What the agent adds where there are several workers, and Prometheus always.
EVERYWHERE = {"job", "instance", "worker"}
#: The process itself, the machine, Prometheus, and the backup, which tells the node exporter.
FOREIGN = re.compile(r"(process|node)_\w+|up|ALERTS|sipbox_backup_last_success_timestamp_seconds")
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
#: On no dashboard and in no rule, on purpose.
LEFT_OUT: set[str] = set()

PANELS = [(name, panel) for name, dashboard in DASHBOARDS.items() for panel in dashboard["panels"]]
EXPRESSIONS = [target.expr for target in TARGETS] + [rule["expr"] for rule in RULES]


def metric_of(name: str) -> str:
    """The metric that a series belongs to."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if base in OURS and OURS[base].kind == "histogram" else name


def asked(expr: str) -> Iterator[Asked]:
    yield from selectors(promql_parser.parse(filled_in(expr)))


def each_panel(function: Any) -> Any:
    return pytest.mark.parametrize(
        ("name", "panel"), PANELS, ids=[f"{name}-{panel['title']}" for name, panel in PANELS]
    )(function)


def each_target(function: Any) -> Any:
    return pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])(function)


def test_the_files_are_what_the_generator_makes() -> None:
    """After a change: ``python -m scripts.dashboards``."""
    for name, made in MADE.items():
        assert (FILES / "dashboards" / f"{name}.json").read_text() == text(made)
    assert set(DASHBOARDS) == set(MADE)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_models_take_it_and_lose_nothing(name: str) -> None:
    read = Dashboard.from_json(DASHBOARDS[name])
    again = json.loads(JSONEncoder().encode(read))
    assert len(again["panels"]) == len(DASHBOARDS[name]["panels"])
    for before, after in zip(DASHBOARDS[name]["panels"], again["panels"], strict=True):
        for key in ("id", "type", "title", "description", "gridPos"):
            assert after[key] == before[key]
        assert [target["expr"] for target in after["targets"]] == [
            target["expr"] for target in before["targets"]
        ]
    variables = [variable["name"] for variable in again["templating"]["list"]]
    assert variables == ["datasource", "job", "instance"]
    assert (again["uid"], again["title"]) == (DASHBOARDS[name]["uid"], DASHBOARDS[name]["title"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_may_be_chosen_is_as_the_linter_wants_it(name: str) -> None:
    source, *chosen = DASHBOARDS[name]["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    for variable, label in zip(chosen, ("Job", "Instance"), strict=True):
        assert variable["label"] == label
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["multi"] and variable["includeAll"]
        assert (variable["allValue"], variable["refresh"]) == (".+", 2)
    assert DASHBOARDS[name]["editable"] is False


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_is_one_screen_and_no_panel_covers_another(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        {
            (x, y)
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        }
        for panel in panels
    ]
    assert not any(one & other for one, other in combinations(places, 2))
    assert set().union(*places) == {(x, y) for x in range(WIDTH) for y in range(HEIGHT)}


@each_panel
def test_a_panel_says_what_it_shows(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_titles_are_there_once() -> None:
    titles = [(name, panel["title"]) for name, panel in PANELS]
    assert len(set(titles)) == len(titles)


@each_target
def test_a_query_asks_for_the_boxes_that_are_chosen(target: Target) -> None:
    for one in asked(target.expr):
        assert one.matchers.get("job") == ".+", one
        assert one.matchers.get("instance") == ".+", one
    assert not re.search(r"\[\d+[smhdwy]", target.expr), "a window that Grafana does not choose"


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_counters_are_in_a_rate_and_gauges_are_not(expr: str) -> None:
    for one in asked(expr):
        kind = OURS[metric_of(one.metric)].kind if metric_of(one.metric) in OURS else ""
        if kind in ("counter", "histogram") or one.metric.endswith(("_total", "_bucket")):
            assert one.function in ("rate", "increase"), one
        elif kind == "gauge":
            assert one.function not in ("rate", "increase"), one


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_a_query_asks_for_metrics_and_labels_that_there_are(expr: str) -> None:
    for one in asked(expr):
        metric = metric_of(one.metric)
        if metric in RECORDED or FOREIGN.fullmatch(metric):
            continue
        assert metric in OURS, f"{metric} is in no catalogue"
        assert set(one.matchers) <= LABELS[metric] | EVERYWHERE | {"le"}, one
        for label in OURS[metric].labels:
            pattern = one.matchers.get(label.name)
            if pattern is not None and label.values:
                assert any(re.fullmatch(pattern, value) for value in label.values), one
    metrics = {metric_of(one.metric) for one in asked(expr)}
    if metrics <= set(OURS):
        known = set().union(*(LABELS[metric] for metric in metrics), EVERYWHERE, {"le", "class"})
        assert set(grouped(promql_parser.parse(filled_in(expr)))) <= known


def test_every_metric_is_shown_or_watched() -> None:
    shown = {metric_of(one.metric) for expr in EXPRESSIONS for one in asked(expr)}
    assert set(OURS) - shown == LEFT_OUT


@pytest.mark.parametrize(
    "target", [each for each in TARGETS if "{{" in each.legend], ids=lambda each: each.name
)
def test_a_legend_names_labels_that_its_query_keeps(target: Target) -> None:
    wanted = set(re.findall(r"\{\{(\w+)\}\}", target.legend))
    kept = set(grouped(promql_parser.parse(filled_in(target.expr))))
    assert wanted <= (kept or EVERYWHERE | {"mountpoint", "device", "instance"})
