"""Members of SQLite files: none of them is in a cluster, but one that cannot be opened is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url

from appliance.storage.members import Members


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    (tmp_path / "there").mkdir()
    urls = [make_url(f"sqlite:///{tmp_path / name}/rows.db") for name in ("missing", "there", "gone")]
    made = Members(urls, pool_size=1, connect_timeout=1, query_timeout=1)
    yield made
    made.stay()
    made.dispose()


def test_a_single_one_is_never_left(tmp_path: Path) -> None:
    alone = Members(
        [make_url(f"sqlite:///{tmp_path}/rows.db")], pool_size=1, connect_timeout=1, query_timeout=1
    )
    assert not alone.leave(alone.engine)
    assert not alone.elsewhere and alone.home() is None


def test_the_first_one_that_is_well_is_asked(members: Members, tmp_path: Path) -> None:
    moved: list[URL] = []
    members.on_move.append(moved.append)
    first = members.engine
    assert members.leave(first)
    assert members.elsewhere
    assert [url.database for url in moved] == [f"{tmp_path}/there/rows.db"]
    assert members.leave(first), "who finds out later goes where the others went"
    assert len(moved) == 1


def test_where_no_other_one_is_well_it_stays(members: Members) -> None:
    assert members.leave(members.engine)
    asked = members.engine
    assert not members.leave(asked)
    assert members.engine is asked


def test_what_is_done_at_one_member_is_done_at_the_first_that_is_well(
    members: Members, tmp_path: Path
) -> None:
    assert members.first_well().database == f"{tmp_path}/there/rows.db"
    assert not members.elsewhere, "nobody moves for it"


def test_where_none_is_well_it_is_tried_at_the_preferred_one(tmp_path: Path) -> None:
    urls = [make_url(f"sqlite:///{tmp_path / name}/rows.db") for name in ("missing", "gone")]
    none = Members(urls, pool_size=1, connect_timeout=1, query_timeout=1)
    assert none.first_well() == urls[0]
