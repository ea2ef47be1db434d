from __future__ import annotations

import pytest

from appliance.sip.hop import Hop


@pytest.mark.parametrize(
    ("transport", "reliable"), [("udp", False), ("tcp", True), ("tls", True), ("ws", True)]
)
def test_only_udp_loses_messages(transport: str, reliable: bool) -> None:
    assert Hop(transport, "192.0.2.1", 5060).reliable is reliable


def test_text_puts_ipv6_into_brackets() -> None:
    assert str(Hop("udp", "192.0.2.1", 5060)) == "udp:192.0.2.1:5060"
    assert str(Hop("tcp", "2001:db8::1", 5061)) == "tcp:[2001:db8::1]:5061"


def test_equal_hops_are_one_key() -> None:
    assert {Hop("udp", "192.0.2.1", 5060, 1): 1}[Hop("udp", "192.0.2.1", 5060, listener=1)] == 1
