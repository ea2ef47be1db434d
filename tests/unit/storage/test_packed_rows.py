"""Rows out of one text; what MariaDB packs into it is seen in tests/wire."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from appliance.storage.location_rows import COLUMNS, RUID
from appliance.storage.packed_rows import packed_page, unpacked

ROW = (
    "ruid-1",
    "10",
    "example.com",
    "sip:10@192.0.2.1",
    "sip:198.51.100.7:1024",
    "<sip:edge.example.com;lr>",
    1_700_003_600,
    0.5,
    "call-1",
    7,
    1_700_000_000,
    1,
    2,
    "phone",
    "udp:192.0.2.9:5060",
    6111,
    "urn:uuid:1",
    3,
)


def text_of(*rows: Sequence[object]) -> str:
    return "".join("".join(f"{'' if value is None else value}\x1f" for value in row) for row in rows)


def changed(**values: object) -> tuple[object, ...]:
    return tuple(values.get(name, value) for name, value in zip(COLUMNS, ROW, strict=True))


def test_values_have_the_types_of_their_columns() -> None:
    (row,) = unpacked([(1, text_of(ROW))]) or []
    assert row == ROW
    assert [type(value) for value in row] == [type(value) for value in ROW]


def test_null_is_none() -> None:
    nothing = changed(received=None, path=None, socket=None, methods=None, instance=None, user_agent="")
    assert unpacked([(1, text_of(nothing))]) == [nothing]


def test_rows_stand_in_the_order_of_their_ruid() -> None:
    rows = [changed(ruid=f"ruid-{number}", contact=f"sip:{number}@x") for number in (3, 1, 2)]
    found = unpacked([(3, text_of(*rows))]) or []
    assert [(row[RUID], row[3]) for row in found] == [(f"ruid-{n}", f"sip:{n}@x") for n in (1, 2, 3)]


def test_no_rows() -> None:
    assert unpacked([(0, None)]) == []
    assert unpacked([]) == []


def test_a_text_that_many_rows_have_is_there_once() -> None:
    first, second = unpacked([(2, text_of(ROW, changed(ruid="ruid-2")))]) or []
    for name in ("domain", "user_agent", "socket"):
        assert first[COLUMNS.index(name)] is second[COLUMNS.index(name)]


FORGED = "phone" + "".join(f"\x1f{value}" for value in (*ROW[14:], *changed(username="victim")[:13]))


@pytest.mark.parametrize("evil", ["a\x1fb", "\x1f", FORGED, FORGED + "\x1f"])
def test_who_puts_the_sign_into_a_value_is_not_believed(evil: str) -> None:
    assert unpacked([(2, text_of(ROW, changed(ruid="ruid-2", user_agent=evil)))]) is None


@pytest.mark.parametrize("missing", [1, 2, 5, 40])
def test_a_text_that_was_cut_short_is_not_believed(missing: int) -> None:
    assert unpacked([(2, text_of(ROW, changed(reg_id=123456))[:-missing])]) is None


def test_a_text_that_is_too_long_for_the_database_is_not_believed() -> None:
    assert unpacked([(1, None)]) is None


def test_the_statement_begins_behind_a_row() -> None:
    assert "ruid>'ruid-1' ORDER BY ruid LIMIT 7)" in packed_page("'ruid-1'", 7)
