"""--check on a deployed box with Debian 13 finds nothing, as tests/deploy shows it of Debian 12."""

from __future__ import annotations

import pytest

from tests.deploy.test_site import (  # noqa: F401 - it is found by its name
    test_a_check_of_a_box_that_is_in_order_finds_nothing,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture
def checked_release() -> str:
    return "trixie"
