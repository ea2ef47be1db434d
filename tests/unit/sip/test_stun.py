"""STUN on the SIP port, by the examples of RFC 5769 §2.2 and §2.3."""

from __future__ import annotations

import pytest

from appliance.sip.stun import binding_answer

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
COOKIE = bytes.fromhex("2112a442")
REQUEST = bytes.fromhex("00010000") + COOKIE + TRANSACTION


@pytest.mark.parametrize(
    ("host", "port", "mapped"),
    [
        ("192.0.2.1", 32853, "002000080001a147e112a643"),
        ("2001:db8:1234:5678:11:2233:4455:6677", 32853, "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ],
)
def test_a_phone_is_told_where_it_sends_from(host: str, port: int, mapped: str) -> None:
    answer = binding_answer(REQUEST, host, port)
    assert answer == b"\x01\x01" + (len(mapped) // 2).to_bytes(
        2, "big"
    ) + COOKIE + TRANSACTION + bytes.fromhex(mapped)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST[:-1],
        REQUEST + b"more",
        b"\0\1\0\2" + REQUEST[4:] + b"ab",
        b"\0\1\0\0" + bytes(4) + TRANSACTION,  # RFC 3489, without the cookie
        b"\1\1" + REQUEST[2:],
        b"OPTIONS sip:example.org SIP/2.0\r\n\r\n",
    ],
)
def test_what_is_no_binding_request_is_not_answered(data: bytes) -> None:
    assert binding_answer(data, "192.0.2.1", 5060) is None


def test_attributes_are_passed_over() -> None:
    with_name = b"\0\1\0\x08" + REQUEST[4:] + bytes.fromhex("8022000461626364")
    assert binding_answer(with_name, "192.0.2.1", 32853) == binding_answer(REQUEST, "192.0.2.1", 32853)
