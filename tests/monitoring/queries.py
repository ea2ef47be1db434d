"""The queries of dashboards and rules, and the metrics and labels that they ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser
import yaml

from tests.harness.sipbox import REPOSITORY

FILES = REPOSITORY / "roles" / "monitoring" / "files"
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((FILES / "dashboards").glob("*.json"))
}
RULES: list[dict[str, Any]] = [
    rule
    for file in sorted((FILES / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]


class Target(NamedTuple):
    """A query of a panel."""

    dashboard: str
    panel: str
    legend: str
    expr: str
    instant: bool

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.legend}"


TARGETS = [
    Target(name, panel["title"], target["legendFormat"], target["expr"], target["instant"])
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel["targets"]
]


def filled_in(expr: str, window: str = "5m") -> str:
    """As Grafana sends it, with everything chosen."""
    for name, value in (("__rate_interval", window), ("__range", window), ("job", ".+"), ("instance", ".+")):
        expr = expr.replace(f"${name}", value)
    assert not re.search(r"\$\w", expr), expr
    return expr


class Asked(NamedTuple):
    """A selector of a query: the metric, what its labels have to be, and the function right around it."""

    metric: str
    matchers: dict[str, str]
    function: str


def selectors(node: Any, function: str = "") -> Iterator[Asked]:
    """All selectors below ``node``, which is parsed."""
    if isinstance(node, promql_parser.VectorSelector):
        matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
        yield Asked(node.name, matchers, function)
        return
    if isinstance(node, promql_parser.MatrixSelector):
        yield from selectors(node.vector_selector, function)
        return
    if isinstance(node, promql_parser.Call):
        function = node.func.name
        for each in node.args:
            yield from selectors(each, function)
        return
    for part in ("expr", "lhs", "rhs"):
        below = getattr(node, part, None)
        if below is not None:
            yield from selectors(below, function)


def grouped(node: Any) -> Iterator[str]:
    """The labels that sums and quantiles below ``node`` are by."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        yield from node.modifier.labels
    for part in ("expr", "lhs", "rhs"):
        below = getattr(node, part, None)
        if below is not None:
            yield from grouped(below)
    for each in getattr(node, "args", None) or []:
        yield from grouped(each)
