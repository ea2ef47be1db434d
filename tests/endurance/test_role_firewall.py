"""The firewall of a box with Debian 13, as tests/deploy shows it of Debian 12."""

from __future__ import annotations

import pytest

from tests.deploy.test_role_firewall import (  # noqa: F401 - they are found by their names
    pbx,
    test_bans_and_other_tables_survive_a_reload_and_a_second_run,
    test_nothing_else_listens_when_the_firewall_is_taken_away,
    test_only_what_the_inventory_allows_answers_from_outside,
    test_unit_and_files,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "trixie"
