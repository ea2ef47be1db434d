"""The role media on Debian 12, as tests/deploy shows it of Debian 13."""

from __future__ import annotations

import pytest

from tests.deploy.test_role_media import (  # noqa: F401 - they are found by their names
    box,
    test_it_is_in_a_sandbox_and_comes_back,
    test_nobody_but_the_sip_server_asks_it,
    test_two_phones_hear_each_other_through_it_and_its_firewall,
    test_when_it_is_wanted_no_more_it_is_stopped,
    test_with_one_it_relays,
    test_without_a_word_in_the_inventory_there_is_none,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def release() -> str:
    return "bookworm"
