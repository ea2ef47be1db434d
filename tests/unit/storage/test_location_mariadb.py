"""The text of the statements; what MariaDB makes of them is seen in tests/wire."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from appliance.storage.location_mariadb import MariaLocations
from appliance.storage.location_rows import Refresh, refresh_of, row_of
from tests.unit.storage.made import binding


class Channel:
    """Keeps what would have been sent; ``answer`` is how many rows the server counts."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.answer = 0

    def execute(self, statement: str, name: str) -> int:
        self.sent.append(statement)
        return self.answer

    def select(self, statement: str, name: str) -> Sequence[tuple[Any, ...]]:
        self.sent.append(statement)
        return ()


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def table(channel: Channel) -> MariaLocations:
    return MariaLocations(channel)  # type: ignore[arg-type]


def rows(*numbers: int, **more: object) -> list[tuple[Any, ...]]:
    return [row_of(binding(number, **more), 0) for number in numbers]


def refreshes(*numbers: int) -> list[Refresh]:
    return [refresh_of(binding(number), 0) for number in numbers]


def test_many_rows_are_one_statement(channel: Channel, table: MariaLocations) -> None:
    table.upsert(rows(*range(300)))
    assert len(channel.sent) == 1
    assert channel.sent[0].count("example.com'") == 300


def test_a_statement_has_its_bounds(channel: Channel, table: MariaLocations) -> None:
    table.upsert(rows(*range(1200)))
    table.refresh(refreshes(*range(501)))
    table.delete([f"{n}" for n in range(501)])
    assert len(channel.sent) == 3 + 2 + 2


@pytest.mark.parametrize(
    "evil",
    [
        "'",
        "\\",
        "\\'",
        "'),('x",
        "\0",
        "a\nb",
        '"',
        "%s %d %%",
        "'; DROP TABLE location; --",
        "\N{LEFT SINGLE QUOTATION MARK}",
    ],
)
def test_every_text_is_escaped(channel: Channel, table: MariaLocations, evil: str) -> None:
    table.upsert(
        rows(
            10, contact=evil, call_id=evil, user_agent=evil, received=evil, path=evil, instance=evil, ruid="r"
        )
    )
    statement = channel.sent[0]
    assert quotes_match(statement)
    table.refresh([(evil, "2007-04-22 18:46:09", 1, "2007-04-22 18:46:09")])
    table.delete([evil])
    table.page(evil, 10)
    table.of_user(binding().aor._replace(username=evil))
    table.replay([], [(evil, "2007-04-22 18:46:09")])
    assert all(quotes_match(each) for each in channel.sent)


def quotes_match(statement: str) -> bool:
    """Read it as MariaDB does: outside of quotes only what we wrote ourselves is left."""
    outside, inside, position = "", False, 0
    while position < len(statement):
        letter = statement[position]
        if inside and letter == "\\":
            position += 1
        elif letter == "'":
            inside = not inside
        elif not inside:
            outside += letter
        position += 1
    return not inside and "DROP" not in outside and "--" not in outside and "%" not in outside


def test_a_refresh_names_three_columns(channel: Channel, table: MariaLocations) -> None:
    channel.answer = 4
    assert table.refresh(refreshes(10, 11))
    assert "contact" not in channel.sent[0]
    assert "user_agent" not in channel.sent[0]


@pytest.mark.parametrize("counted", [0, 1, 2, 3])
def test_a_refresh_that_did_not_meet_every_row_says_so(
    channel: Channel, table: MariaLocations, counted: int
) -> None:
    channel.answer = counted
    assert not table.refresh(refreshes(10, 11))


def test_the_time_that_is_compared_with_is_assigned_last(channel: Channel, table: MariaLocations) -> None:
    """MariaDB assigns from left to right: an earlier assignment would change the comparisons after it."""
    table.replay(rows(10), [])
    assignments = channel.sent[0].partition("ON DUPLICATE KEY UPDATE")[2]
    columns = re.findall(r"(\w+)=IF\(", assignments)
    assert columns[-1] == "last_modified"
    assert columns.count("last_modified") == 1


def test_nothing_to_do_sends_nothing(channel: Channel, table: MariaLocations) -> None:
    table.upsert([])
    table.delete([])
    table.replay([], [])
    assert channel.sent == []
