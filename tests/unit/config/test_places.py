from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from appliance.config.places import KeyPath, line_of, lines_of

DOCUMENT = '''\
# a comment with [brackets] and key = 1
title = "a # is no comment here"

[sip]  # after a table
listen = [ "udp:127.0.0.1:5060",  # first
   "tcp:127.0.0.1:5060",

  "udp:[::1]:5060" ]
quoted."odd key".'third' = """
[not.a.table]
x = 1
""" # still one value
after = true
inline = { a = 1, b = { c = "}" }, d = [1, 2] }

[[gateway]]
host = "a"
[gateway.tls]
key = 'C:\\path'
[[gateway]]
host = "b"
tls.key = 0x10
[ a . b ]
when = 1979-05-27 07:32:00
'''


def test_every_kind_of_place() -> None:
    tomllib.loads(DOCUMENT)  # or the test itself is wrong
    lines = lines_of(DOCUMENT)
    expected: dict[KeyPath, int] = {
        ("title",): 2,
        ("sip",): 4,
        ("sip", "listen"): 5,
        ("sip", "listen", 0): 5,
        ("sip", "listen", 1): 6,
        ("sip", "listen", 2): 8,
        ("sip", "quoted", "odd key", "third"): 9,
        ("sip", "after"): 13,
        ("sip", "inline", "b", "c"): 14,
        ("sip", "inline", "d", 1): 14,
        ("gateway",): 16,
        ("gateway", 0, "host"): 17,
        ("gateway", 0, "tls", "key"): 19,
        ("gateway", 1, "host"): 21,
        ("gateway", 1, "tls", "key"): 22,
        ("a", "b", "when"): 24,
    }
    assert {path: lines.get(path) for path in expected} == expected


def test_what_stands_nowhere_has_the_line_of_what_is_around_it() -> None:
    assert line_of(DOCUMENT, ("sip", "missing")) == 4
    assert line_of(DOCUMENT, ("nowhere", "at all")) is None


def test_crlf() -> None:
    assert lines_of("[a]\r\nb = 1\r\n\r\nc = 2\r\n")["a", "c"] == 4


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.one_of(
    st.integers().map(str),
    TEXTS.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    TEXTS.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
    st.just('"""\nseveral\n[lines]\n"""'),
    st.just("[\n1,\n 2 # two\n]"),
    st.just("{ a = 1, b = [2] }"),
)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=4))
def test_each_key_of_any_document_is_found_where_it_was_written(document: dict[str, dict[str, str]]) -> None:
    text, expected = "", {}
    for section, values in document.items():
        expected[section,] = text.count("\n") + 1
        text += f"[{section}]\n"
        for key, value in values.items():
            expected[section, key] = text.count("\n") + 1
            text += f"{key} = {value} # comment\n\n"
    tomllib.loads(text)
    lines = lines_of(text)
    assert {path: lines[path] for path in expected} == expected


@given(st.text(max_size=60))
def test_it_ends_on_any_text(text: str) -> None:
    lines_of(text)


def test_lists_in_lists() -> None:
    assert lines_of("x = " + "[" * 50 + "]" * 50)["x", *([0] * 49)] == 1
