"""docs/metrics.md and docs/logs.md are held against the catalogues."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.telemetry.catalogue import BUILD_INFO, BY_AGENT, CATALOGUE
from appliance.telemetry.events import EVENTS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "metrics.md"


def test_every_metric_is_documented() -> None:
    rows = re.findall(r"^\| `(sipbox_\w+)` \| (\w+) \| (.*?) ?\| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (kind, re.findall(r"`(\w+)`", labels), words) for name, kind, labels, words in rows}
    assert told == {
        metric.name: (metric.kind, [label.name for label in metric.labels], metric.help)
        for metric in (BUILD_INFO, *BY_AGENT, *CATALOGUE)
    }


def test_every_metric_that_is_spoken_of_is_there() -> None:
    names = {metric.name for metric in (BUILD_INFO, *BY_AGENT, *CATALOGUE)}
    spoken = {name.removesuffix("_bucket") for name in re.findall(r"\bsipbox_\w+", PAGE.read_text())}
    assert spoken <= names


def test_every_event_is_documented() -> None:
    rows = re.findall(r"(?m)^\| `([\w-]+)` \| (\w+) \| (.*) \|$", (DOCS / "logs.md").read_text())
    assert rows == [(name, event.level, event.meaning) for name, event in EVENTS.items()]


def test_every_event_that_is_summed_up_is_named() -> None:
    _, found, section = (DOCS / "logs.md").read_text().partition("### What comes again and again")
    assert found
    named = re.findall(r"`([a-z-]+)`", section.partition("are told at once")[0])
    assert sorted(named) == sorted(name for name, event in EVENTS.items() if event.summed)
