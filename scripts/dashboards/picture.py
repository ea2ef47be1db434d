"""Draws a dashboard without Grafana: its queries, asked of a Prometheus, as one SVG of its panels.

    python -m scripts.dashboards.picture http://127.0.0.1:9090 sip sip.svg --minutes 5

For the pages in docs/, as plainly as may be. Must not know which panels there are.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from scripts.dashboards.__main__ import DASHBOARDS
from scripts.dashboards.shapes import HEIGHT, WIDTH, Json

UNIT_X, UNIT_Y, GAP = 50, 34, 6
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffa6b0", "#96d98d")
NAMED = {"green": "#37872d", "yellow": "#b58900", "red": "#c4162a", "blue": "#1f60c4"}
MOST = 8
Points = list[tuple[float, float]]


class Asking:
    """A Prometheus, from ``start`` to ``end``."""

    def __init__(self, url: str, start: float, end: float) -> None:
        self.url, self.start, self.end = url, start, end

    def lines(self, target: Json) -> list[tuple[str, Points]]:
        """What each series of a target is called, and its points."""
        step = max(1.0, (self.end - self.start) / 120)
        told = self._ask("query_range", target, start=self.start, end=self.end, step=step)
        return [(_legend(target, each["metric"]), _points(each["values"])) for each in told]

    def now(self, target: Json) -> list[tuple[dict[str, str], float]]:
        """The series of a target at the end."""
        told = self._ask("query", target, time=self.end)
        return [(each["metric"], float(each["value"][1])) for each in told]

    def _ask(self, what: str, target: Json, **arguments: float) -> list[Json]:
        window = f"{max(20, (self.end - self.start) / 10):.0f}s"
        expr = target["expr"].replace("$__rate_interval", window)
        expr = expr.replace("$__range", f"{self.end - self.start:.0f}s")
        expr = expr.replace("$job", ".+").replace("$instance", ".+")
        query = urllib.parse.urlencode({"query": expr, **arguments})
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{query}", timeout=60) as answer:  # noqa: S310
            found: list[Json] = json.load(answer)["data"]["result"]
        return found


def _points(values: list[Any]) -> Points:
    return [(float(when), float(value)) for when, value in values if math.isfinite(float(value))]


def _legend(target: Json, labels: dict[str, str]) -> str:
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), target["legendFormat"])
    return "" if text == "__auto" else text


def number(value: float, unit: str) -> str:
    """As a person reads it."""
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value >= 120:
        size, word = next((s, w) for s, w in ((86400, "d"), (3600, "h"), (60, "min")) if value >= s)
        return f"{value / size:.3g} {word}"
    if unit in ("bytes", "Bps") and value >= 1000:
        power = min(3, int(math.log(value, 1000)))
        return f"{value / 1000**power:.3g} {'kMG'[power - 1]}B"
    return f"{value:.3g}{' s' if unit == 's' else ''}"


def _text(
    x: float, y: float, words: str, *, size: int = 11, colour: str = "#ccccdc", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _stat(panel: Json, asking: Asking, x: float, y: float, w: float, h: float) -> Iterator[str]:
    defaults, target = panel["fieldConfig"]["defaults"], panel["targets"][0]
    found = asking.now(target)
    value = found[0][1] if found else math.nan
    colour = "#3d3d45"
    for step in defaults["thresholds"]["steps"] if found else ():
        if step["value"] is None or value >= step["value"]:
            colour = NAMED[step["color"]]
    words = number(value, defaults["unit"])
    for mapping in defaults["mappings"]:
        known = mapping["options"].get(f"{value:g}")
        if known:
            words, colour = known["text"], NAMED[known["color"]]
    if panel["options"]["textMode"] == "name" and found:
        words = _legend(target, found[0][0])
    yield f'<rect x="{x}" y="{y + 22}" width="{w}" height="{h - 22}" rx="3" fill="{colour}"/>'
    yield _text(x + w / 2, y + 22 + h / 2, words, size=20, colour="#ffffff", anchor="middle")


def _graph(panel: Json, asking: Asking, x: float, y: float, w: float, h: float) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = [line for target in panel["targets"] for line in asking.lines(target) if line[1]]
    lines.sort(key=lambda line: -max(value for _, value in line[1]))
    top = max((value for _, points in lines for _, value in points), default=0) or 1.0
    left, bottom, wide, high = x + 8, y + h - 22, w - 16, h - 58
    yield _text(x + 8, y + 34, number(top, unit), size=9, colour="#8e8e99")
    yield f'<path d="M{left} {bottom}h{wide}" stroke="#3d3d45"/>'
    span = asking.end - asking.start
    for index, (_, points) in enumerate(lines[:MOST]):
        path = " ".join(
            f"{left + wide * (when - asking.start) / span:.1f},{bottom - high * value / top:.1f}"
            for when, value in points
        )
        colour = COLOURS[index % len(COLOURS)]
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    at = left
    for index, (legend, _) in enumerate(lines[:MOST]):
        length = 14 + 5.4 * len(legend)
        if at + length > x + w:
            break
        colour = COLOURS[index % len(COLOURS)]
        yield f'<rect x="{at:.0f}" y="{y + h - 12}" width="8" height="3" fill="{colour}"/>'
        yield _text(at + 11, y + h - 8, legend, size=9)
        at += length + 6


def _table(panel: Json, asking: Asking, x: float, y: float, w: float, h: float) -> Iterator[str]:
    found = sorted(asking.now(panel["targets"][0]), key=lambda each: -each[1])
    for row, (labels, value) in enumerate(found[: int((h - 34) / 15)]):
        shown = [
            labels[name] for name in panel["transformations"][0]["options"]["indexByName"] if name in labels
        ]
        yield _text(x + 10, y + 42 + 15 * row, "   ".join(shown))
        yield _text(x + w - 10, y + 42 + 15 * row, number(value, "short"), anchor="end")
    if not found:
        yield _text(x + w / 2, y + h / 2 + 8, "none", colour="#8e8e99", anchor="middle")


def _heatmap(panel: Json, asking: Asking, x: float, y: float, w: float, h: float) -> Iterator[str]:
    lines = [line for line in asking.lines(panel["targets"][0]) if line[0] != "+Inf"]
    lines.sort(key=lambda line: float(line[0]))
    high = (h - 34) / max(1, len(lines))
    below: dict[float, float] = {}
    cells = []
    for row, (_, points) in enumerate(lines):
        cells += [(row, when, max(0.0, value - below.get(when, 0.0))) for when, value in points]
        below = dict(points)
    most = max((value for *_, value in cells), default=0) or 1.0
    wide = (w - 50) / 121
    for row, (legend, _) in enumerate(lines):
        yield _text(
            x + 36, y + h - 8 - high * row, legend.removesuffix(".0"), size=8, colour="#8e8e99", anchor="end"
        )
    for row, when, value in cells:
        if value > 0:
            at = x + 40 + (w - 50) * (when - asking.start) / (asking.end - asking.start)
            above, strength = y + h - 8 - high * (row + 1), 0.25 + 0.75 * value / most
            yield (
                f'<rect x="{at:.1f}" y="{above:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="#ff9830"'
                f' fill-opacity="{strength:.2f}"/>'
            )


DRAWN = {"stat": _stat, "timeseries": _graph, "table": _table, "heatmap": _heatmap}


def picture(dashboard: Json, asking: Asking) -> str:
    """The whole dashboard."""
    parts = []
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        x, y = grid["x"] * UNIT_X, 40 + grid["y"] * UNIT_Y
        w, h = grid["w"] * UNIT_X - GAP, grid["h"] * UNIT_Y - GAP
        parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="3" fill="#181b1f"/>')
        parts.append(_text(x + 8, y + 16, panel["title"], size=11))
        parts += DRAWN[panel["type"]](panel, asking, x, y, w, h)
    width, height = WIDTH * UNIT_X, 40 + HEIGHT * UNIT_Y
    title = _text(8, 26, dashboard["title"], size=18)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">\n'
        f'<rect width="{width}" height="{height}" fill="#111217"/>\n{title}\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="where Prometheus answers")
    parser.add_argument("dashboard", choices=sorted(DASHBOARDS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    moment = time.time()
    asking = Asking(given.url, moment - 60 * given.minutes, moment)
    given.file.write_text(picture(DASHBOARDS[given.dashboard], asking))
