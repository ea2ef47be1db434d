"""Accounting: OpenSER's ``acc`` and ``missed_calls``, one row for each accounted request, and ``cdrs``, one
for each call.

New beside OpenSER's columns are those that Kamailio's configuration adds (``src_user`` to ``dst_domain``),
who is charged, and ``ruid``: a row that is written again, because nobody could know whether it had been, is
the same row. ``cdrs`` has the names of the table that billing programs for Kamailio know. Its ``duration`` is
computed by the database, so it holds for whatever is put into the two times.

An index costs each call more than all else, so there are few: the one of the Call-ID, which OpenSER has, is
also what keeps a row from coming twice.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    Float,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    optional,
    text,
    username,
    when,
)
from appliance.storage.tables.core import metadata


class call_seconds(ColumnElement[Any]):  # noqa: N801 - an SQL function
    """Seconds from ``call_start_time`` to ``call_end_time``; NULL when either is."""

    inherit_cache = True
    type = Float()


@compiles(call_seconds)
def _call_seconds(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "round((julianday(call_end_time) - julianday(call_start_time)) * 86400, 3)"


@compiles(call_seconds, "mysql", "mariadb")
def _call_seconds_mysql(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "timestampdiff(microsecond, call_start_time, call_end_time) / 1000000"


def _code() -> Column[Any]:
    kind = String(3).with_variant(mysql.CHAR(3), "mysql", "mariadb")
    return Column("sip_code", kind, nullable=False, server_default="")


def _instant(name: str) -> Column[Any]:
    """A moment in UTC, to the millisecond; NULL while it has not come."""
    kind: TypeEngine[Any] = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
    return Column(name, kind, nullable=True)


def call_columns() -> list[Column[Any]]:
    """What ``acc`` and ``missed_calls`` have beside OpenSER's columns."""
    return [
        username("src_user"),
        domain("src_domain"),
        text("src_ip", 64),
        username("dst_ouser"),
        username("dst_user"),
        domain("dst_domain"),
        text("account", 193),
        optional("ruid", 64),
    ]


def call_index(name: str) -> Index:
    """The index of ``acc`` or ``missed_calls``."""
    return Index(f"{name}_callid", "callid", "ruid", unique=True)


def _requests(name: str, version: int) -> Table:
    return Table(
        name,
        metadata,
        identity(),
        text("method", 16),
        text("from_tag", 128),
        text("to_tag", 128),
        text("callid", 255),
        _code(),
        text("sip_reason", 128),
        when("time"),
        *call_columns(),
        call_index(name),
        info={"version": version},
        **TABLE_OPTIONS,
    )


acc = _requests("acc", 4)
missed_calls = _requests("missed_calls", 3)

cdrs = Table(
    "cdrs",
    metadata,
    Column(
        "cdr_id",
        BigInteger()
        .with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb")
        .with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    text("state", 16),
    username("src_username"),
    domain("src_domain"),
    username("dst_username"),
    domain("dst_domain"),
    username("dst_ousername"),
    text("account", 193),
    # When the INVITE came, when it was answered, when the call was over.
    _instant("call_setup_time"),
    _instant("call_start_time"),
    _instant("call_end_time"),
    Column(
        "duration",
        Float().with_variant(mysql.DECIMAL(10, 3), "mysql", "mariadb"),
        Computed(call_seconds(), persisted=True),
    ),
    _code(),
    text("sip_reason", 128),
    text("sip_call_id", 255),
    text("sip_from_tag", 128),
    text("sip_to_tag", 128),
    text("src_ip", 64),
    # The name of the dialog, which the INVITE and the BYE have in common.
    optional("dialog", 64),
    UniqueConstraint("sip_call_id", "dialog", name="cdrs_call_id"),
    Index("cdrs_setup_time", "call_setup_time"),
    info={"version": 1},
    **TABLE_OPTIONS,
)
