"""The tests of boxes in two halves, which ./test runs side by side: one copy of a release runs at a time."""

from __future__ import annotations

import pytest

HALVES = ("bookworm", "others")

#: Files of copies of Debian 13, of bare boxes, or of none: with what runs on both releases about a half.
_OTHERS = {
    "test_agent_bans.py",
    "test_backup.py",
    "test_booted_box.py",
    "test_decommission.py",
    "test_fresh_box.py",
    "test_phones_role.py",
    "test_phones_settings.py",
    "test_upgrade.py",
    "test_worker_units.py",
    "test_wrong_input.py",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--boxes", choices=HALVES, help="run this half of tests/deploy only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    half = config.getoption("--boxes")
    if half is None:
        return
    chosen = [item for item in items if _half_of(item) == half]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _half_of(item: pytest.Item) -> str:
    return "others" if "trixie" in item.nodeid or item.path.name in _OTHERS else "bookworm"
