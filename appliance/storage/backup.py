"""All rows in one file, and back: for either database, and from one to the other.

The file is gzip-compressed JSON lines: a header, for each table a line with its columns followed by its rows,
and a last line with the number of rows, so that half a file is noticed. It holds credentials: only its owner
may read it (0600). It is made under another name and appears when it is whole. All rows are of one moment.

Not in it: the tables' layout (``restore`` makes it as this version knows it), the change log, and tables that
are not ours. Columns that somebody added to a table of ours are in it. Must not know what the rows mean.
"""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
from sqlalchemy import Select, column, delete, func, insert, inspect, literal, select, table
from sqlalchemy.engine import URL, Connection

from appliance import __version__
from appliance.errors import StorageError
from appliance.storage import schema, tables
from appliance.storage.engine import Database
from appliance.storage.telling import Tell, untold

_FORMAT = 1
#: Made by the migrations, or of no use in another database.
_NOT_SAVED = frozenset({"version", "change_log"})
_ROWS_AT_ONCE = 500


class Saved(NamedTuple):
    """What a backup holds: rows of each table, when it was made (UTC), by which version, of which groups."""

    made: str
    version: str
    groups: tuple[str, ...]
    rows: dict[str, int]


def backup(url: str | URL, file: Path, tell: Tell = untold) -> Saved:
    """Write all rows into ``file``, which is replaced when the new one is whole; ``tell`` hears how it goes.
    Raises StorageError."""
    database = Database(url, query_timeout=3600)
    try:
        groups = tuple(schema.present_groups(database))
        if not groups:
            raise StorageError("there are no tables of sipbox to back up")
        made = datetime.now(UTC).isoformat(timespec="seconds")
        rows: dict[str, int] = {}

        def work() -> None:
            rows.clear()
            with _new_file(file) as lines, database.engine.connect() as connection:
                if connection.dialect.name != "sqlite":  # SQLite's transactions see one moment anyway
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    _line(lines, {"sipbox": __version__, "format": _FORMAT, "made": made, "groups": groups})
                    names = _names(groups)
                    way = _Way("rows saved", _count(connection, names), tell)
                    for name in names:
                        rows[name] = _save(connection, name, lines, way)
                    _line(lines, {"end": sum(rows.values())})

        database.call(work, "backup")
        return Saved(made, __version__, groups, rows)
    finally:
        database.close()


def restore(
    url: str | URL,
    file: Path,
    *,
    replace: bool = False,
    admin_url: str | URL | None = None,
    tell: Tell = untold,
) -> Saved:
    """Put the rows of ``file`` into a database without any; it is made, or brought up to date, before.

    ``replace`` takes away the rows that are there. All or nothing: when it fails, the database has the rows
    that it had. ``tell`` hears how it goes. Raises StorageError.
    """
    saved = verify(file)
    schema.create(url, saved.groups, admin_url=admin_url)
    database = Database(url, query_timeout=3600)

    def work(connection: Connection) -> None:
        there = set(inspect(connection).get_table_names())
        for name in _names(schema.GROUPS):
            if name not in there:
                continue
            if replace:
                connection.execute(delete(table(name)))
            elif connection.execute(_one_of(name)).first() is not None:
                raise StorageError(
                    f"the table {name} has rows: a backup is restored into an empty database,"
                    " or with --replace in place of what is there"
                )
        way = _Way("rows restored", sum(saved.rows.values()), tell)
        for name, columns, rows in _read(file):
            into = table(name, *map(column, columns))
            for some in _parts(rows):
                connection.execute(insert(into), [dict(zip(columns, row, strict=True)) for row in some])
                way.went(len(some))

    try:
        database.run(work, "restore")
    finally:
        database.close()
    return saved


def verify(file: Path) -> Saved:
    """Read the whole of a backup and say what is in it. Raises StorageError when it is not whole."""
    counts: dict[str, int] = {}
    header = _header(file)
    for name, _, rows in _read(file):
        counts[name] = sum(1 for _ in rows)
    return Saved(header["made"], header["sipbox"], tuple(header["groups"]), counts)


# ---------------------------------------------------------------------------------------------------- writing


def _names(groups: Iterable[str]) -> list[str]:
    return [
        str(each.name) for group in groups for each in tables.tables_of(group) if each.name not in _NOT_SAVED
    ]


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """A compressed file that takes the place of ``file`` when all went well, on the disk and not only said
    so.
    """
    partial = file.with_name(f".{file.name}.partial")
    with _disk():
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            sink = _Sink(raw)
            lines = gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=6)
            try:
                yield cast("BinaryIO", lines)
                with _disk():
                    lines.close()
                    raw.flush()
                    os.fsync(raw.fileno())
            except BaseException:
                sink.given_up = True
                lines.close()
                raise
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class _Sink:
    """The file below a compressed one. When it is given up, what is still to be written goes nowhere."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.given_up = False

    def write(self, data: bytes) -> int:
        return len(data) if self.given_up else self._raw.write(data)

    def flush(self) -> None:
        if not self.given_up:
            self._raw.flush()


@contextmanager
def _disk() -> Iterator[None]:
    """What goes wrong here is the file's fault, and not the database's."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the backup cannot be written: {error}") from error


class _Way:
    """How many of all rows are done."""

    def __init__(self, what: str, whole: int, tell: Tell) -> None:
        self._what, self._whole, self._tell = what, whole, tell
        self._done = 0

    def went(self, rows: int) -> None:
        self._done += rows
        self._tell(self._what, self._done, max(self._done, self._whole))


def _count(connection: Connection, names: Iterable[str]) -> int:
    return sum(
        connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names
    )


def _save(connection: Connection, name: str, lines: BinaryIO, way: _Way) -> int:
    columns = [
        str(each["name"]) for each in inspect(connection).get_columns(name) if not each.get("computed")
    ]
    _line(lines, {"table": str(name), "columns": columns})
    query = select(table(name, *map(column, columns)))
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    count = 0
    for rows in streamed.partitions():
        for row in rows:
            _line(lines, [_plain(value) for value in row])
        count += len(rows)
        way.went(len(rows))
    return count


def _line(lines: BinaryIO, value: Any) -> None:
    with _disk():
        lines.write(msgspec.json.encode(value) + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return value.isoformat(" ")  # with a fraction where there is one
    return float(value) if isinstance(value, Decimal) else value


# ---------------------------------------------------------------------------------------------------- reading


def _lines(file: Path) -> Iterator[Any]:
    try:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                yield msgspec.json.decode(line)
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise StorageError(f"{file} is not a whole backup: {error}") from error


def _header(file: Path) -> dict[str, Any]:
    first = next(_lines(file), None)
    if not isinstance(first, dict) or "sipbox" not in first:
        raise StorageError(f"{file} is not a backup of sipbox")
    if first.get("format") != _FORMAT:
        raise StorageError(
            f"{file} was made by sipbox {first['sipbox']}, in a format that this version cannot read"
        )
    return first


def _read(file: Path) -> Iterator[tuple[str, list[str], Iterator[list[Any]]]]:
    """Each table's name, columns and rows, which have to be taken before the next table is."""
    lines = _lines(file)
    next(lines)
    taken = 0
    head: Any = next(lines, None)

    def rows() -> Iterator[list[Any]]:
        nonlocal head, taken
        for line in lines:
            if isinstance(line, dict):
                head = line
                return
            taken += 1
            yield [_value(value) for value in line]
        head = None

    while isinstance(head, dict) and "table" in head:
        yield head["table"], head["columns"], rows()
    if not isinstance(head, dict) or head.get("end") != taken or next(lines, None) is not None:
        raise StorageError(f"{file} is not a whole backup: its end is missing")


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _parts(rows: Iterator[list[Any]]) -> Iterator[Sequence[list[Any]]]:
    part: list[list[Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _one_of(name: str) -> Select[int]:
    return select(literal(1)).select_from(table(name)).limit(1)
