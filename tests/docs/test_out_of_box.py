"""docs/out-of-box.md: each step of SER's configuration has its place in the program, and a test."""

from __future__ import annotations

import ast
import re

import pytest

from appliance.proxy.routes import Routes
from tests.harness.sipbox import REPOSITORY

PAGE = (REPOSITORY / "docs" / "out-of-box.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.endswith("| shown by |")
]
# SER's own, in the order in which a request meets them.
STEPS = (
    "INIT", "CATCH_CANCEL", "PROCESS_ROUTES", "DOMAIN", "DOMAIN_POLICY", "OPTIONS_REPLY", "REGISTRAR",
    "AUTHENTICATION", "OUTBOUND", "SPEEDDIAL", "SITE_SPECIFIC", "INBOUND", "ENUM", "PSTN", "FORWARD",
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_step_has_its_place_and_its_test(row: list[str]) -> None:
    _, place, _, shown = row
    name = place.strip("`")
    assert hasattr(Routes, name) or (REPOSITORY / "appliance" / name).exists(), place
    found = re.fullmatch(r"`((?:unit|wire|networks)/[\w/]+\.py)::(test_\w+)`", shown)
    assert found, f"no test: {shown}"
    tree = ast.parse((REPOSITORY / "tests" / found[1]).read_text())
    assert found[2] in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, shown


def test_all_steps_are_there_in_the_order_of_the_script() -> None:
    named = [word for row in ROWS for word in re.findall(r"[A-Z_]{4,}", row[0]) if word in STEPS]
    assert tuple(dict.fromkeys(named)) == STEPS
