"""A box with Debian 13 makes machine code for itself, as tests/deploy shows it of Debian 12."""

from __future__ import annotations

import pytest

from tests.deploy.test_compiled_core import (  # noqa: F401 - it is found by its name
    test_what_every_message_passes_is_compiled_and_its_sources_are_there,
)

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture
def release() -> str:
    return "trixie"
