"""The blind trial of tests/deploy, on Debian 13."""

from __future__ import annotations

import pytest

from tests.deploy.test_blind_trial import (  # noqa: F401 - they are found by their names
    test_a_flood,
    test_at_first_nothing_is_wrong,
    test_rtpengine_is_dead,
    test_the_certificate_has_expired,
    test_the_clock_is_off,
    test_the_database_is_stopped,
    test_the_disk_is_full,
    test_the_gateway_is_dead,
    test_the_name_server_is_dead,
    test_the_port_is_taken,
    test_the_settings_are_wrong_after_an_edit_by_hand,
    test_the_watchers_themselves_are_dead,
    trial,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "trixie"
