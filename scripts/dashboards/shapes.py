"""What a panel and a dashboard are to Grafana 11: plain dictionaries, which become JSON.

Every panel asks the data source that is chosen at the top, and only for the jobs and boxes chosen there:
``series("sipbox_up")`` has the matchers for it. Must not know which panels there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
#: A query, or several with their legends.
Queries = str | Sequence[tuple[str, str]]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
WIDTH = 24
#: What fits a screen of 1080 lines.
HEIGHT = 24


def series(name: str, matchers: str = "") -> str:
    """A metric of the boxes that are chosen."""
    chosen = 'job=~"$job", instance=~"$instance"'
    return f"{name}{{{chosen}, {matchers}}}" if matchers else f"{name}{{{chosen}}}"


def rate(name: str, matchers: str = "", by: str = "", *, offset: str = "") -> str:
    """Of all workers together, how much a counter grows in a second."""
    ago = f" offset {offset}" if offset else ""
    grown = f"rate({series(name, matchers)}[$__rate_interval]{ago})"
    return f"sum by ({by}) ({grown})" if by else f"sum({grown})"


def quantile(of: float, name: str, matchers: str = "", by: str = "") -> str:
    """What this part of all observations has at most."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({of}, {rate(f'{name}_bucket', matchers, labels)})"


def halves(name: str) -> Queries:
    """What half and 99 of 100 observations have at most."""
    return [("half", quantile(0.5, name)), ("99 of 100", quantile(0.99, name))]


def _targets(queries: Queries, **further: Any) -> list[Json]:
    named = [("", queries)] if isinstance(queries, str) else queries
    return [
        {
            "datasource": DATASOURCE,
            "refId": chr(ord("A") + index),
            "expr": expr,
            "legendFormat": legend or "__auto",
            "editorMode": "code",
            "range": True,
            "instant": False,
            **further,
        }
        for index, (legend, expr) in enumerate(named)
    ]


def _panel(kind: str, title: str, description: str, queries: Queries, **further: Any) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _targets(queries, **further),
    }


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


def stat(
    title: str,
    description: str,
    query: Queries,
    unit: str,
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    *,
    words: Mapping[str, tuple[str, str]] | None = None,
    decimals: int | None = None,
    text: str = "value",
) -> Json:
    """One number with its colour; ``words`` stand for values, with their colours."""
    defaults: Json = {"unit": unit, "thresholds": _thresholds(steps), "mappings": [], "noValue": "–"}
    if decimals is not None:
        defaults["decimals"] = decimals
    if words:
        options = {
            value: {"text": word, "color": colour, "index": index}
            for index, (value, (word, colour)) in enumerate(words.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "textMode": text,
    }
    return _panel("stat", title, description, query, range=False, instant=True) | {
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def graph(title: str, description: str, queries: Queries, unit: str, *, stacked: bool = False) -> Json:
    """Lines over time, or areas on one another."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 8,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    defaults = {"unit": unit, "custom": custom, "min": 0, "color": {"mode": "palette-classic"}}
    return _panel("timeseries", title, description, queries) | {
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "calcs": [], "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def table(title: str, description: str, query: str, unit: str, columns: Sequence[str], value: str) -> Json:
    """A row for each series: the labels ``columns``, and the number, which is called ``value``."""
    order = {name: index for index, name in enumerate((*columns, "Value"))}
    organize = {
        "id": "organize",
        "options": {
            "indexByName": order,
            "renameByName": {"Value": value},
            "excludeByName": {"Time": True},
        },
    }
    ordered = {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": value, "desc": True}]}}
    return _panel("table", title, description, query, range=False, instant=True, format="table") | {
        "fieldConfig": {"defaults": {"unit": unit, "custom": {"filterable": True}}, "overrides": []},
        "options": {"showHeader": True, "cellHeight": "sm"},
        "transformations": [organize, ordered],
    }


def heatmap(title: str, description: str, query: str, unit: str) -> Json:
    """A histogram over time; the query is by ``le``."""
    return _panel("heatmap", title, description, [("{{le}}", query)], format="heatmap") | {
        "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
        "options": {
            "calculate": False,
            "yAxis": {"unit": unit, "axisPlacement": "left"},
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "cellGap": 1,
            "legend": {"show": False},
            "tooltip": {"mode": "single", "yHistogram": False},
            "rowsFrame": {"layout": "auto"},
        },
    }


def rows(*heights_and_panels: tuple[int, Sequence[tuple[int, Json]]]) -> list[Json]:
    """The panels with their places: rows of one height, each panel with its width."""
    placed, y = [], 0
    for height, panels in heights_and_panels:
        x = 0
        for width, panel in panels:
            number = len(placed) + 1
            placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **panel})
            x += width
        y += height
    return placed


def _variable(name: str, label: str, query: str) -> Json:
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": everything,
        "hide": 0,
        "skipUrlSync": False,
    }


def dashboard(uid: str, title: str, description: str, panels: list[Json]) -> Json:
    """A whole one, with links to its sisters and what may be chosen at the top."""
    source = {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "current": {},
        "skipUrlSync": False,
    }
    link = {
        "type": "dashboards",
        "title": "sipbox",
        "icon": "external link",
        "tags": ["sipbox"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["sipbox"],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "version": 1,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "links": [link],
        "annotations": {"list": []},
        "templating": {
            "list": [
                source,
                _variable("job", "Job", "label_values(up, job)"),
                _variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
            ]
        },
        "panels": panels,
    }
