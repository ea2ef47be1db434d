"""What an administrator asks of the call records: a list by user, time and state, and all of one call."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.engine import Connection

from appliance.storage import tables
from appliance.storage.engine import Database

#: What a call can have come to; ``active`` and ``unanswered`` stand for several or for a part of them.
STATES = (
    "active", "answered", "unanswered", "busy", "no_answer", "cancelled", "not_found", "rejected", "failed",
)  # fmt: skip
_COLUMNS = (
    "state", "call_setup_time", "call_start_time", "call_end_time", "duration", "src_username", "src_domain",
    "src_ip", "dst_username", "dst_domain", "dst_ousername", "account", "sip_code", "sip_reason",
    "sip_call_id", "sip_from_tag", "sip_to_tag",
)  # fmt: skip
_REQUESTS = (
    "time", "method", "sip_code", "sip_reason", "src_user", "src_domain", "src_ip", "dst_user", "dst_domain",
)  # fmt: skip
_cdrs = tables.cdrs.c


class Wanted(NamedTuple):
    """Which calls: of ``username`` at ``domain`` ("" is any), on either side; set up from ``since`` on and
    before ``until`` (UTC); in one of ``STATES``. None is no matter. ``limit`` 0 is all.
    """

    username: str | None = None
    domain: str = ""
    since: datetime | None = None
    until: datetime | None = None
    state: str | None = None
    limit: int = 0


def calls(database: Database, wanted: Wanted) -> list[dict[str, Any]]:
    """The calls, the newest first, by the names of the columns."""
    query = select(*(_cdrs[name] for name in _COLUMNS)).where(*_conditions(wanted))
    query = query.order_by(_cdrs.call_setup_time.desc(), _cdrs.cdr_id.desc())
    if wanted.limit:
        query = query.limit(wanted.limit)

    def work(connection: Connection) -> list[dict[str, Any]]:
        return [_plain(dict(row)) for row in connection.execute(query).mappings()]

    return database.run(work, "calls_list")


def of_call_id(database: Database, call_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The calls with that Call-ID, and the requests that were accounted of them; the oldest first."""
    acc = tables.acc
    calls_of_it = select(*(_cdrs[name] for name in _COLUMNS)).where(_cdrs.sip_call_id == call_id)
    requests = select(*(acc.c[name] for name in _REQUESTS)).where(acc.c.callid == call_id)

    def work(connection: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        found = connection.execute(calls_of_it.order_by(_cdrs.cdr_id)).mappings()
        accounted = connection.execute(requests.order_by(acc.c.time, acc.c.id)).mappings()
        return [_plain(dict(row)) for row in found], [dict(row) for row in accounted]

    return database.run(work, "calls_show")


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.username is not None:
        sides = [
            and_(name == wanted.username, domain == wanted.domain)
            if wanted.domain
            else name == wanted.username
            for name, domain in (
                (_cdrs.src_username, _cdrs.src_domain),
                (_cdrs.dst_username, _cdrs.dst_domain),
                (_cdrs.dst_ousername, _cdrs.dst_domain),
            )
        ]
        conditions.append(or_(*sides))
    if wanted.since is not None:
        conditions.append(_cdrs.call_setup_time >= wanted.since)
    if wanted.until is not None:
        conditions.append(_cdrs.call_setup_time < wanted.until)
    if wanted.state == "active":
        conditions += [_cdrs.state == "answered", _cdrs.call_end_time.is_(None)]
    elif wanted.state == "unanswered":
        conditions.append(_cdrs.state != "answered")
    elif wanted.state is not None:
        conditions.append(_cdrs.state == wanted.state)
    return conditions


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    if row["duration"] is not None:
        row["duration"] = float(row["duration"])
    return row
