"""Which tests share a worker when they run side by side: one copy of a release runs at a time."""

from __future__ import annotations

import pytest

#: Files whose boxes are bare ones, or none: they make the two groups about equally long.
_BARE = {
    "test_agent_bans.py",
    "test_booted_box.py",
    "test_fresh_box.py",
    "test_phones_role.py",
    "test_phones_settings.py",
    "test_wrong_input.py",
}


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "deploy":
            aside = "trixie" in item.nodeid or item.path.name in _BARE
            item.add_marker(pytest.mark.xdist_group("trixie" if aside else "bookworm"))
