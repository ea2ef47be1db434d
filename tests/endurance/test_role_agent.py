"""The agent of a box with Debian 13, as tests/deploy shows it of Debian 12."""

from __future__ import annotations

import pytest

from tests.deploy.test_role_agent import (  # noqa: F401 - they are found by their names
    host,
    pbx,
    test_a_phone_is_served_over_the_network_and_a_stranger_is_not,
    test_its_account_reads_phones_and_no_subscribers,
    test_only_root_has_the_key,
    test_the_agent_runs_as_itself,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "trixie"
