"""SIPp sends what is no call: each method of a local user is challenged and passed on to the other phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.wire.conftest import Register


@pytest.mark.parametrize(
    ("method", "status"),
    [("MESSAGE", "200"), ("OPTIONS", "200"), ("SUBSCRIBE", "202"), ("PUBLISH", "200"), ("REFER", "202")],
)
def test_method_is_challenged_and_passed_on(
    box: Sipbox, tmp_path: Path, register: Register, method: str, status: str
) -> None:
    values = {"METHOD": method, "STATUS": status}
    port = register(box, "11")
    with Sipp("responder", tmp_path, port=port, calls=10, values=values) as answering:
        counted = sipp.run(
            "requester",
            tmp_path,
            box.address,
            calls=10,
            users=[["10", sipp.digest("10", "secret-10"), "11"]],
            keys={"domain": box.domain},
            values=values,
        )
        assert counted.successful == 10
        assert answering.succeed().successful == 10
