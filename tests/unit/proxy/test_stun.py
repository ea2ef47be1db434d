"""STUN on the SIP port (RFC 5626 §3.5.2): phones that are registered are answered, and nobody else."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.stage import DOMAIN, Stage

PHONE = Hop("udp", "192.0.2.11", 5060)
QUESTION = bytes.fromhex("000100002112a442") + bytes(12)


class Ear(Stage):
    """A stage that takes what is no SIP apart."""

    def __init__(self, **sections: dict[str, object]) -> None:
        self.heard: list[tuple[bytes, Hop]] = []
        super().__init__(guarded=True, **sections)  # type: ignore[arg-type]

    def send(self, data: bytes, hop: Hop) -> None:
        if data[:1] in (b"\0", b"\1"):
            self.heard.append((data, hop))
        else:
            super().send(data, hop)

    def register(self) -> None:
        self.add_user("11")
        request = self.request(
            "REGISTER", f"sip:{DOMAIN}", caller=f"sip:11@{DOMAIN}", to=f"sip:11@{DOMAIN}", source=PHONE.host
        )
        self.let_in(request, PHONE, username="11")


def test_a_phone_that_is_registered_is_answered() -> None:
    stage = Ear()
    stage.register()
    stage.receive(QUESTION, PHONE)
    ((answer, hop),) = stage.heard
    assert (answer[:2], hop) == (b"\1\1", PHONE)


def test_a_stranger_hears_nothing() -> None:
    stage = Ear()
    stage.receive(QUESTION, PHONE)
    assert stage.heard == []
    assert stage.metrics.messages_rejected["malformed"] == 1


@pytest.mark.parametrize(
    ("outbound", "hop"), [(True, PHONE._replace(transport="tcp", connection=7)), (False, PHONE)]
)
def test_nor_where_nobody_has_flows_or_by_a_connection(outbound: bool, hop: Hop) -> None:
    stage = Ear(registrar={"outbound": outbound})
    stage.register()
    stage.receive(QUESTION, hop)
    assert stage.heard == []
