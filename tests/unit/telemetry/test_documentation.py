"""docs/metrics.md is held against the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.telemetry.catalogue import BUILD_INFO, CATALOGUE, UP

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def test_every_metric_is_documented() -> None:
    rows = re.findall(r"^\| `(sipbox_\w+)` \| (\w+) \| (.*?) ?\| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (kind, re.findall(r"`(\w+)`", labels), words) for name, kind, labels, words in rows}
    assert told == {
        metric.name: (metric.kind, [label.name for label in metric.labels], metric.help)
        for metric in (BUILD_INFO, UP, *CATALOGUE)
    }


def test_every_metric_that_is_spoken_of_is_there() -> None:
    names = {metric.name for metric in (BUILD_INFO, UP, *CATALOGUE)}
    spoken = {name.removesuffix("_bucket") for name in re.findall(r"\bsipbox_\w+", PAGE.read_text())}
    assert spoken <= names
