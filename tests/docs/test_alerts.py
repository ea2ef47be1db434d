"""docs/alerts.md has a section for each alert, and its commands are there."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import yaml

from appliance.cli.application import sipbox
from appliance.diagnosis import CHECKS
from tests.harness.sipbox import REPOSITORY

PAGE = (REPOSITORY / "docs" / "alerts.md").read_text()
RULES = REPOSITORY / "roles" / "monitoring" / "files" / "rules" / "sipbox-alerts.yml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
SECTIONS = dict(re.findall(r"(?ms)^## (\w+)\n\n(.*?)(?=^## |\Z)", PAGE))
COMMANDS = sorted(set(re.findall(r"`(sipbox [^`]+)`", PAGE)))


def test_there_is_a_section_for_each_in_their_order() -> None:
    assert list(SECTIONS) == [rule["alert"] for rule in ALERTS]
    rows = re.findall(r"(?m)^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \| (.+) \|$", PAGE)
    assert rows == [
        (rule["alert"], rule["alert"].lower(), rule["labels"]["severity"], rule.get("for", "at once"))
        for rule in ALERTS
    ]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_it_says_the_same_as_the_alert(rule: dict[str, dict[str, str]]) -> None:
    words = " ".join(SECTIONS[str(rule["alert"])].split())
    meaning, see, todo = re.fullmatch(r"(.*) \*\*See it:\*\* (.*) \*\*Do:\*\* (.*)", words).groups()  # type: ignore[union-attr]
    assert meaning == rule["annotations"]["description"]
    assert todo == rule["annotations"]["action"]
    assert see


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_there(command: str) -> None:
    found: click.Command | None = sipbox
    words = shlex.split(command)[1:]
    while words and isinstance(found, click.Group):
        found = found.get_command(click.Context(found), words.pop(0))
    assert found is not None, command
    if found.name == "diagnose":
        assert set(words) <= set(CHECKS)
