"""Whether a box knows that it has lost the majority: by its own member, or by those of other hosts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.engine import make_url

from appliance.storage.cluster_watch import ClusterWatch
from appliance.storage.galera import Member

HERE = "mysql+pymysql://sipbox@localhost/openser?unix_socket=/run/mysqld/mysqld.sock"
THERE = "mysql+pymysql://sipbox:made-for-tests@192.0.2.21/openser"


def member(*, primary: bool) -> Member:
    return Member(
        members=3, primary=primary, state="Synced", ready=primary, paused=0.0, waiting=0, conflicts=0
    )


MOST, FEW = member(primary=True), member(primary=False)


def quorum(url: str, *said: Member | None) -> str:
    """What a box says whose settings name ``url`` first, when the members answer this."""
    members = SimpleNamespace(
        on_move=[], home=lambda: said[0], of_each=lambda: [(make_url(url), each) for each in said]
    )
    database = cast("Any", SimpleNamespace(url=make_url(url), members=members))
    watch = ClusterWatch(database, cast("Any", None))
    assert watch.quorum == "", "nobody was asked yet"
    watch.look()
    return watch.quorum


@pytest.mark.parametrize(("said", "says"), [(MOST, "yes"), (FEW, "no"), (None, "")])
def test_box_with_rows_believes_its_own_member(said: Member | None, says: str) -> None:
    assert quorum(HERE, said, MOST) == says


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ((MOST, MOST), "yes"),
        ((None, MOST), "yes"),
        ((FEW, MOST), "yes"),
        ((FEW, None), "no"),
        ((None, None), "no"),
    ],
)
def test_box_without_rows_asks_all_who_have_them(said: tuple[Member | None, ...], says: str) -> None:
    assert quorum(THERE, *said) == says
