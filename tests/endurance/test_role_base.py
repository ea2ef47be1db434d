"""The role base on Debian 13, as tests/deploy shows it of Debian 12."""

from __future__ import annotations

import pytest

from tests.deploy.test_role_base import (  # noqa: F401 - they are found by their names
    host,
    pbx,
    test_box_is_well_after_its_boot,
    test_file_is_roots,
    test_journal_is_kept_over_a_reboot_and_limited,
    test_package_is_installed,
    test_services_have_users_who_cannot_log_in,
    test_site_authority_is_trusted_as_long_as_the_inventory_names_it,
    test_time_service_is_enabled_and_leaves_a_clock_that_is_not_its_own,
    test_upgrades_come_from_the_security_archive_alone,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "trixie"
