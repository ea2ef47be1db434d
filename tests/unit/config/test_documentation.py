"""docs/settings.md is held against the settings: every key, with its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from appliance.config import Settings, effective

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"


def documented() -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {}
    section = ""
    for line in PAGE.read_text().splitlines():
        if heading := re.fullmatch(r"## \[(\w+)\]", line):
            section = heading[1]
            sections[section] = {}
        elif row := re.match(r"\| `(\w+)` \| `(.*?)` \| ", line):
            sections[section][row[1]] = tomllib.loads(f"value = {row[2]}")["value"]
    return sections


def test_every_setting_is_documented_with_its_default() -> None:
    assert documented() == tomllib.loads(effective(Settings()))


def test_in_the_same_order() -> None:
    told, settings = documented(), tomllib.loads(effective(Settings()))
    assert [list(keys) for keys in told.values()] == [list(keys) for keys in settings.values()]
