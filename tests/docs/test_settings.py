"""docs/settings.md and the program name the same settings, with the same defaults."""

from __future__ import annotations

import re
import tomllib

import msgspec
import pytest

from appliance.config import Settings
from tests.harness.sipbox import REPOSITORY

PAGE = (REPOSITORY / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| `(.+?)` \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, dict[str, str]]:
    """Section, key and default as text."""
    sections = {}
    for section in re.split(r"(?m)^## ", PAGE)[1:]:
        name = re.match(r"\[(\w+)\]", section)
        assert name, section[:40]
        sections[name[1]] = {key: default for key, _, default, _ in ROW.findall(section)}
    return sections


def settings() -> dict[str, dict[str, object]]:
    return msgspec.to_builtins(Settings())


def test_every_setting_is_documented_and_exists() -> None:
    known = {section: list(keys) for section, keys in settings().items()}
    assert {section: list(keys) for section, keys in documented().items()} == known


@pytest.mark.parametrize("section", sorted(settings()))
def test_the_defaults_are_those_of_the_program(section: str) -> None:
    given = documented()[section]
    read = {key: tomllib.loads(f"value = {text}")["value"] for key, text in given.items()}
    defaults = {
        key: list(value) if isinstance(value, tuple) else value for key, value in settings()[section].items()
    }
    assert read == defaults
