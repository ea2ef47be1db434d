"""The role monitoring on Debian 12, as tests/deploy shows it of Debian 13."""

from __future__ import annotations

import pytest

from tests.deploy.test_role_monitoring import (  # noqa: F401 - they are found by their names
    box,
    receiver,
    test_a_backup_says_that_it_was_made,
    test_a_grafana_is_installed_and_shows_everything,
    test_a_grafana_that_is_there_is_given_everything,
    test_all_rules_are_loaded_and_none_has_failed,
    test_nobody_else_reaches_it_and_it_is_in_a_sandbox,
    test_three_things_that_are_wrong_are_told,
    test_what_is_wanted_no_more_is_stopped,
    test_with_one_it_watches,
    test_without_a_word_in_the_inventory_there_is_none,
    wanted,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "bookworm"
