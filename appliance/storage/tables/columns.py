"""The kinds of columns that the tables are made of, for MariaDB and for SQLite.

Usernames compare byte by byte, and blanks at their end count (RFC 3261 §19.1.4: the user part is
case-sensitive); MariaDB's usual collations would take ``Alice`` for ``alice`` and ``10 `` for ``10``. Names
of hosts compare without regard to case (RFC 4343). Times are UTC. Every column of OpenSER's has a default, so
that its SQL runs in strict mode: rows may be inserted with the columns that somebody cares for.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Float, Integer, LargeBinary, SmallInteger, String, Text
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

CHARSET = "utf8mb4"
#: Binary, and without padding: 'a' and 'a ' are two users.
COLLATION = "utf8mb4_nopad_bin"
#: For names of hosts.
CASELESS = "utf8mb4_general_nopad_ci"
_MYSQL = ("mysql", "mariadb")

#: What every table is made with.
TABLE_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": CHARSET,
    "mysql_collate": COLLATION,
}


class utc_now(ColumnElement[Any]):  # noqa: N801 - an SQL function
    """The database's clock in UTC, as a column's default."""

    inherit_cache = True
    type = DateTime()


@compiles(utc_now)
def _utc_now(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "CURRENT_TIMESTAMP"  # SQLite's is UTC


@compiles(utc_now, *_MYSQL)
def _utc_now_mysql(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "(utc_timestamp())"


class unique_token(ColumnElement[Any]):  # noqa: N801 - an SQL function
    """32 hexadecimal digits that no other row has, as a column's default."""

    inherit_cache = True
    type = String(32)


@compiles(unique_token)
def _unique_token(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "(lower(hex(randomblob(16))))"


@compiles(unique_token, *_MYSQL)
def _unique_token_mysql(_element: Any, _compiler: Any, **_kwargs: Any) -> str:
    return "(replace(uuid(),'-',''))"


def moment() -> TypeEngine[Any]:
    """A date and time of day in UTC, to the second, in the same text form on both databases."""
    plain = sqlite.DATETIME(truncate_microseconds=True)  # type: ignore[no-untyped-call]
    return DateTime().with_variant(plain, "sqlite")


def unsigned() -> TypeEngine[int]:
    return Integer().with_variant(mysql.INTEGER(unsigned=True), *_MYSQL)


def long_text() -> TypeEngine[str]:
    """Documents: up to 16 MB on MariaDB."""
    return Text().with_variant(mysql.MEDIUMTEXT(), *_MYSQL)


def long_bytes() -> TypeEngine[bytes]:
    return LargeBinary().with_variant(mysql.MEDIUMBLOB(), *_MYSQL)


def identity() -> Column[Any]:
    """``id``, counted by the database."""
    return Column("id", unsigned(), primary_key=True, autoincrement=True)


def text(name: str, length: int, default: str = "", **kwargs: Any) -> Column[Any]:
    """``varchar(length) NOT NULL`` with a default."""
    return Column(name, String(length), nullable=False, server_default=default, **kwargs)


def optional(name: str, length: int) -> Column[Any]:
    """``varchar(length)`` that may be NULL."""
    return Column(name, String(length), nullable=True)


def username(name: str = "username", **kwargs: Any) -> Column[Any]:
    return text(name, 64, **kwargs)


def domain(name: str = "domain", *, default: str | None = "", **kwargs: Any) -> Column[Any]:
    """A name of a host: compared without regard to case."""
    kind = (
        String(128)
        .with_variant(String(128, collation=CASELESS), *_MYSQL)
        .with_variant(String(128, collation="NOCASE"), "sqlite")
    )
    return Column(name, kind, nullable=False, server_default=default, **kwargs)


def number(name: str, default: int = 0) -> Column[Any]:
    return Column(name, Integer(), nullable=False, server_default=str(default))


def positive(name: str, default: int = 0) -> Column[Any]:
    return Column(name, unsigned(), nullable=False, server_default=str(default))


def big(name: str, default: int = 0) -> Column[Any]:
    return Column(name, BigInteger(), nullable=False, server_default=str(default))


def small(name: str, default: int = 0) -> Column[Any]:
    return Column(name, SmallInteger(), nullable=False, server_default=str(default))


def small_positive(name: str, default: int = 0) -> Column[Any]:
    kind = SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), *_MYSQL)
    return Column(name, kind, nullable=False, server_default=str(default))


def real(name: str, default: str = "0") -> Column[Any]:
    return Column(name, Float(), nullable=False, server_default=default)


def when(name: str) -> Column[Any]:
    """A moment that is now unless the row says another."""
    return Column(name, moment(), nullable=False, server_default=utc_now())
