from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import MalformedMessage
from appliance.sip.grammar import (
    delta_seconds,
    end_of_quoted,
    find_outside,
    format_params,
    is_token,
    parse_params,
    quote,
    split_list,
    split_outside,
    unfold,
    unquote,
)


@pytest.mark.parametrize("text", ["a", "INVITE", "z9hG4bK-1.2", "!%*_+`'~"])
def test_token(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a;b", 'a"', "a@b", "ä", "a\n", "a\x00"])
def test_not_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("folded", "plain"),
    [
        ("a", "a"),
        ("a\r\n b", "a b"),
        ("a  \r\n\t \tb", "a b"),
        ("a\n b", "a b"),
        ("a\r\n b\r\n  c", "a b c"),
        ("a\r\n \r\n b", "a  b"),
        ("a b  c", "a b  c"),
    ],
)
def test_unfold(folded: str, plain: str) -> None:
    assert unfold(folded) == plain


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('"plain"', "plain"),
        ('""', ""),
        (r'"a \"b\" c"', 'a "b" c'),
        (r'"back\\slash"', r"back\slash"),
        (r'"\a\,"', "a,"),
        ("bare", "bare"),
        ('"', '"'),
        ("", ""),
        ('"<sip:x@y>, z"', "<sip:x@y>, z"),
    ],
)
def test_unquote(text: str, meaning: str) -> None:
    assert unquote(text) == meaning


@given(st.text())
def test_quote_and_unquote_are_reverse(text: str) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert end_of_quoted(quoted, 0) == len(quoted)


@pytest.mark.parametrize("text", ['"', '"abc', '"abc\\"', '"abc\\', "abc"])
def test_quoted_string_that_never_ends(text: str) -> None:
    with pytest.raises(MalformedMessage):
        end_of_quoted(text, 0)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("  ", []),
        ("a", ["a"]),
        (" a , b,c ", ["a", "b", "c"]),
        (",a,,b,", ["a", "b"]),
        ('"Smith, John" <sip:a@b>, <sip:c,d@e>;x="1,2"', ['"Smith, John" <sip:a@b>', '<sip:c,d@e>;x="1,2"']),
        (r'"a\",b" <sip:x>,y', [r'"a\",b" <sip:x>', "y"]),
        ("<sip:a@b>,<sip:c@d>", ["<sip:a@b>", "<sip:c@d>"]),
        ("a>b,c", ["a>b", "c"]),
    ],
)
def test_split_list(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize("text", ['a, "b', "a, <b", '"a\\", b', '<a, "b>"'])
def test_list_with_something_open(text: str) -> None:
    with pytest.raises(MalformedMessage):
        split_list(text)


def test_find_outside() -> None:
    assert find_outside('"a;b"<c;d>;e', ";") == 10
    assert find_outside("abc", ";") == -1
    assert find_outside("", ";") == -1
    assert find_outside("a;b;c", ";", 2) == 3
    assert split_outside("a;;b", ";") == ["a", "", "b"]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        (";lr", (("lr", None),)),
        (";LR;Transport=TCP", (("lr", None), ("transport", "TCP"))),
        (" ; a = b ;\tc", (("a", "b"), ("c", None))),
        (";;a=1;", (("a", "1"),)),
        (";a=", (("a", ""),)),
        (";a=b=c", (("a", "b=c"),)),
        (';a="x;y=\\"z";b', (("a", '"x;y=\\"z"'), ("b", None))),
        (';+sip.instance="<urn:uuid:1;2>"', (("+sip.instance", '"<urn:uuid:1;2>"'),)),
        (";received=[2001:db8::1]", (("received", "[2001:db8::1]"),)),
        (";a=1;a=2", (("a", "1"), ("a", "2"))),
    ],
)
def test_params(text: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
    assert parse_params(text) == pairs


@pytest.mark.parametrize("text", ["a=b", " x;a", ";=b", ";a b=c", ';a="b', ";a<b>=c", ";ä=1", ";a=<b"])
def test_not_params(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_params(text)


_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~", min_size=1)
_VALUES = st.none() | st.text("abcXYZ019.:[]", min_size=1) | st.text().map(quote)


@given(st.lists(st.tuples(_NAMES, _VALUES)))
def test_params_come_back(pairs: list[tuple[str, str | None]]) -> None:
    assert parse_params(format_params(tuple(pairs))) == tuple(pairs)


@given(st.text(alphabet='ab"\\<>,;= \t'))
def test_only_one_kind_of_error(text: str) -> None:
    for read in (split_list, parse_params, lambda value: end_of_quoted(value, 0), unquote):
        try:
            read(text)
        except MalformedMessage:
            pass


@given(st.text(alphabet='ab"\\<>,; '))
def test_splitting_loses_nothing(text: str) -> None:
    try:
        pieces = split_outside(text, ",")
    except MalformedMessage:
        return
    assert ",".join(pieces) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 3600 ", 3600),
        ("4294967295", 4294967295),
        ("4294967296", 4294967295),
        ("9" * 5000, 4294967295),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1_0", None),
        ("٣", None),
    ],
)
def test_delta_seconds(text: str, seconds: int | None) -> None:
    assert delta_seconds(text) == seconds
