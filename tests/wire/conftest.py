"""What the tests with real phones and SIPp share: subscribers, and phones that are registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.ports import free_port
from tests.harness.sipbox import Sipbox

Register = Callable[..., int]


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """``register(box, "11")``: SIPp registers that user at a free port with authentication; the port."""

    def register(box: Sipbox, user: str, *, port: int | None = None, parameters: str = "") -> int:
        port = port or free_port()
        row = [user, sipp.digest(user, f"secret-{user}"), f"127.0.0.1:{port}{parameters}"]
        sipp.run(
            "register",
            tmp_path,
            box.address,
            users=[row],
            keys={"domain": box.domain, "expires": "3600"},
        )
        return port

    return register
