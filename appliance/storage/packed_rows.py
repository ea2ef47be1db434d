"""Many rows of ``location`` as one text: MariaDB joins the columns, Python cuts them apart again.

A start reads a million rows, and what costs then is the driver: it looks at each value by itself, 8 µs for
the columns of a row. Cutting one text of some thousand values, column by column, takes a tenth of that.
Texts that nearly all rows share (a domain, a phone's make, our socket) become one object, which saves a fifth
of the memory.

The sign between two values may be in a value, put there by a phone to forge rows, perhaps. It can only add to
those that we asked for; so when there are not exactly as many as rows have columns, nothing is believed, and
the caller reads the rows in the driver's own way. Must not know when rows are read.
"""

# ruff: noqa: S608 - names of columns only

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import intern
from typing import Any, Final

from appliance.storage.location_rows import COLUMNS, Row

#: Ends each value; no header and no URI may hold it.
_END: Final = "\x1f"
_MOMENTS: Final = ("expires", "last_modified")
#: Empty means NULL: an empty Path is none, too.
_NULLABLE: Final = ("received", "path", "socket", "methods", "instance")
_SHARED: Final = ("domain", "user_agent", "socket")
_INTEGERS: Final = ("cseq", "flags", "cflags", "reg_id", *_MOMENTS)
#: Bytes of one text at most; with more, the rows are read one by one.
_LONGEST: Final = 16_000_000


def _packed(name: str) -> str:
    if name in _MOMENTS:
        # A date that is none (0000-00-00) counts as the beginning of time.
        return f"IFNULL(TIMESTAMPDIFF(SECOND,'1970-01-01',{name}),0)"
    return f"IFNULL({name},'')" if name in _NULLABLE else name


_ROW: Final = f"CONCAT_WS('{_END}',{','.join(map(_packed, COLUMNS))},'')"


def packed_page(after: str, limit: int) -> str:
    """The statement for ``limit`` rows behind the ruid ``after`` (a literal with its quotes)."""
    return (
        f"SET STATEMENT group_concat_max_len={_LONGEST} FOR"
        " SELECT COUNT(*),GROUP_CONCAT(packed SEPARATOR '') FROM"
        f" (SELECT {_ROW} AS packed FROM location WHERE ruid>{after} ORDER BY ruid LIMIT {limit}) AS page"
    )


def unpacked(answer: Sequence[tuple[Any, ...]]) -> list[Row] | None:
    """The rows in an answer to ``packed_page``, ordered by their ruid; None when it cannot be trusted."""
    if not answer:
        return []
    count, text = answer[0]
    if not count:
        return []
    width = len(COLUMNS)
    if text is None or text.count(_END) != count * width or text[-1] != _END:
        return None
    values = text.split(_END)
    values.pop()
    columns = [
        read(values[number::width]) if read else values[number::width] for number, read in enumerate(_READERS)
    ]
    # MariaDB promises no order within the text. Tuples are compared by their ruid, which is first and unique.
    return sorted(zip(*columns, strict=True))


def _shared(values: Iterable[str]) -> Iterable[str]:
    return map(intern, values)


def _integers(values: Iterable[str]) -> Iterable[int]:
    return map(int, values)


def _numbers(values: Iterable[str]) -> Iterable[float]:
    return map(float, values)


def _nullable(values: Iterable[str]) -> Iterable[str | None]:
    return [value or None for value in values]


def _nullable_shared(values: Iterable[str]) -> Iterable[str | None]:
    return [intern(value) if value else None for value in values]


def _nullable_integers(values: Iterable[str]) -> Iterable[int | None]:
    return [int(value) if value else None for value in values]


def _reader(name: str) -> Callable[[list[str]], Iterable[Any]] | None:
    """What makes values of a column's texts; None: they are texts."""
    if name == "methods":
        return _nullable_integers
    if name == "q":
        return _numbers
    if name in _INTEGERS:
        return _integers
    if name in _NULLABLE:
        return _nullable_shared if name in _SHARED else _nullable
    return _shared if name in _SHARED else None


_READERS: Final = tuple(map(_reader, COLUMNS))
