"""The tests of boxes in three parts, which ./test runs side by side.

Copies of a release begin with its deployment and run one at a time, so each release has a part. The third has
what needs no copy: bare boxes, and what is asked of an inventory without boxes; booted clusters are in
tests/endurance.
"""

from __future__ import annotations

import pytest

PARTS = ("bookworm", "trixie", "others")

#: Files of copies of Debian 13; what runs on both releases has it in its name.
_TRIXIE = {
    "test_backup.py",
    "test_decommission.py",
    "test_phones_call.py",
    "test_role_media.py",
    "test_role_monitoring.py",
    "test_role_sip_changes.py",
    "test_upgrade.py",
    "test_worker_units.py",
}

#: Files that need no copy. Besides there are those of clusters.
_OTHERS = {
    "test_bare_box.py",
    "test_booted_box.py",
    "test_certificates_settings.py",
    "test_domains_settings.py",
    "test_fresh_box.py",
    "test_gateway_settings.py",
    "test_neighbours_settings.py",
    "test_phones_role.py",
    "test_phones_settings.py",
    "test_shared_address_settings.py",
    "test_wrong_input.py",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--boxes", choices=PARTS, help="run this part of tests/deploy only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("--boxes")
    if part is None:
        return
    chosen = [item for item in items if _part_of(item) == part]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    # A cluster stays until the end: nobody else shall have it beside him.
    items[:] = sorted(chosen, key=_of_a_cluster)


def _of_a_cluster(item: pytest.Item) -> bool:
    return item.path.name.startswith("test_cluster")


def _part_of(item: pytest.Item) -> str:
    name = item.path.name
    if name in _OTHERS or _of_a_cluster(item):
        return "others"
    return "trixie" if "trixie" in item.nodeid or name in _TRIXIE else "bookworm"
