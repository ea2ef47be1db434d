from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sip.escapes import escape_user, normalize_escapes, unescape


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("alice", "alice"),
        ("%61lice", "alice"),
        ("user%40example", "user@example"),
        ("%C3%BC", "ü"),
        ("%c3%bc%20x", "ü x"),
        ("100%25", "100%"),
        # What no name of a user holds stays written as it is, in capitals.
        ("%00", "%00"),
        ("a%0d%0ab", "a%0D%0Ab"),
        ("%ff", "%FF"),
        ("%c3x", "%C3x"),
        ("%zz", "%zz"),
    ],
)
def test_unescape(text: str, plain: str) -> None:
    assert unescape(text) == plain


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a", "a"),
        ("%61", "a"),
        ("%40", "%40"),
        ("%c3%bc", "%C3%BC"),
        ("%7E%7e", "~~"),
        ("%2525", "%2525"),
        ("%00", "%00"),
    ],
)
def test_normalize(text: str, normal: str) -> None:
    assert normalize_escapes(text) == normal
    assert normalize_escapes(normal) == normal


@given(st.text())
def test_what_is_escaped_means_the_same(text: str) -> None:
    escaped = escape_user(text)
    assert escaped.isascii()
    assert not set(escaped) & set(' @:"<>\r\n')
    if text.isprintable():
        assert unescape(escaped) == text


@given(st.text())
def test_unescaped_text_never_holds_a_new_control_character(text: str) -> None:
    plain = unescape(text)
    assert {c for c in plain if not c.isprintable()} <= {c for c in text if not c.isprintable()}
