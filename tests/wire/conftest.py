"""What the tests with real phones and SIPp share: phones that are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.document import DocumentBox
from tests.harness.mariadb import MariaDB
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


@pytest.fixture(scope="session")
def running_document(mariadb: MariaDB) -> Iterator[DocumentBox]:
    with DocumentBox(mariadb) as box:
        yield box


@pytest.fixture(scope="session")
def running_modern(mariadb: MariaDB) -> Iterator[DocumentBox]:
    with DocumentBox(mariadb, profile="rfc3261") as box:
        yield box


@pytest.fixture
def document(running_document: DocumentBox) -> Iterator[DocumentBox]:
    """The tutorial of 2007 on MariaDB, in the profile openser12, with no phone registered."""
    yield running_document
    running_document.forget_phones()


@pytest.fixture
def modern(running_modern: DocumentBox) -> Iterator[DocumentBox]:
    """The same in the profile rfc3261: today's replies."""
    yield running_modern
    running_modern.forget_phones()
