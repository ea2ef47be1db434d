"""Bencode: what rtpengine is asked in, and what it answers in."""

from __future__ import annotations

import pytest

from appliance.media.bencode import BadBencode, decode, encode


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, b"i0e"),
        (-42, b"i-42e"),
        ("", b"0:"),
        ("ping", b"4:ping"),
        (b"v=0\r\n", b"5:v=0\r\n"),
        ("Zoë", b"4:Zo\xc3\xab"),
        ("\udcff", b"1:\xff"),  # a byte that is no UTF-8 leaves as it came
        ([], b"le"),
        (("a", 1), b"l1:ai1ee"),
        ({}, b"de"),
        ({"sdp": b"x", "command": "offer", "flags": ["a"]}, b"d7:command5:offer5:flagsl1:ae3:sdp1:xe"),
    ],
)
def test_values_have_one_form(value: object, text: bytes) -> None:
    assert encode(value) == text


def test_what_comes_back_is_bytes_and_dictionaries_with_text_as_keys() -> None:
    assert decode(b"d6:result2:ok4:tagsd1:ad5:portsli4ei-5eeeee") == {
        "result": b"ok",
        "tags": {"a": {"ports": [4, -5]}},
    }


@pytest.mark.parametrize("value", [None, True, 1.5, object()])
def test_what_has_no_form_is_a_mistake_of_ours(value: object) -> None:
    with pytest.raises(TypeError):
        encode({"x": value})


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"i", b"ie", b"i-e", b"i+1e", b"i 1e", b"i1_0e", b"1", b"1:", b"5:abcd", b"-1:a", b":a",
        b"l", b"li1e", b"d", b"d1:a", b"d1:ai1e", b"di1ei2ee", b"i1ei2e", b"4:ping ", b"9999999999999:a",
        b"i" + b"1" * 5000 + b"e", b"1" * 5000 + b":",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadBencode):
        decode(data)


def test_deep_nesting_is_refused_and_exhausts_nothing() -> None:
    with pytest.raises(BadBencode, match="nested deeper"):
        decode(b"l" * 60_000)
