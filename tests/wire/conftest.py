"""What the tests with real phones and SIPp share: phones that are registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.ports import free_port
from tests.harness.sipbox import Sipbox

Register = Callable[..., int]


def keys(box: Sipbox, *, expires: int = 3600, transport: str = "udp") -> dict[str, str]:
    """What the scenarios that register ask for besides their users."""
    return {"domain": box.domain, "expires": str(expires), "contact_transport": transport}


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """``register(box, "11")``: SIPp registers that user at a free port with authentication; the port."""

    def register(box: Sipbox, user: str, *, transport: str = "udp") -> int:
        port = free_port()
        row = [user, sipp.digest(user, f"secret-{user}"), f"127.0.0.1:{port}"]
        sipp.run("register", tmp_path, box.address, users=[row], keys=keys(box, transport=transport))
        return port

    return register
