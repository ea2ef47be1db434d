"""Session timers that are too brief."""

from __future__ import annotations

import pytest

from tests.unit.proxy.stage import Sent, Stage
from tests.unit.proxy.telephone_network import to

PHONE = "192.0.2.11"


def call(
    expires: str, supported: str = "100rel, Timer", *, least: int = 300, method: str = "INVITE"
) -> list[Sent]:
    stage = Stage(sip={"min_session_seconds": least})
    stage.bind("11", f"sip:11@{PHONE}")
    headers = (("Session-Expires", expires), ("Supported", supported))
    return stage.receive(stage.request(method, caller="sip:x@elsewhere.example", headers=headers))


@pytest.mark.parametrize("expires", ["299", "90;refresher=uac", "0"])
def test_it_is_refused_with_what_would_do(expires: str) -> None:
    (refusal,) = call(expires)
    assert (refusal.message.status, refusal.message.get("Min-SE")) == (422, "300")


@pytest.mark.parametrize(
    ("expires", "supported"),
    [("300", "timer"), ("1800;refresher=uas", "timer"), ("90", "100rel"), ("x", "timer")],
)
def test_others_pass_as_they_are(expires: str, supported: str) -> None:
    (invite,) = to(call(expires, supported), PHONE)
    assert invite.get("Session-Expires") == expires
    assert not invite.has("Min-SE")


def test_other_methods_have_none() -> None:
    assert to(call("90", method="MESSAGE"), PHONE)


def test_by_default_all_of_them_pass() -> None:
    assert to(call("90", least=0), PHONE)
