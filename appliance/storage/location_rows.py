"""A binding as a row of ``location``, and back.

Memory counts in monotonic seconds, rows in UTC. A row is made with the difference of the two clocks at that
moment, so a jump of the wall clock expires nobody. Text from the wire may hold bytes that are no UTF-8
(Python keeps them as lone surrogates); a database takes no such text, so they are kept in a private range of
Unicode and come back as they were.

Must not know which database it is, nor when rows are written.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from functools import lru_cache
from time import gmtime, strftime, strptime
from typing import Any, Final, Protocol

from appliance.registrar.binding import PERMANENT, Binding
from appliance.sip.uri import AddressOfRecord

#: The columns of a row, in its order.
COLUMNS: Final = (
    "ruid",
    "username",
    "domain",
    "contact",
    "received",
    "path",
    "expires",
    "q",
    "callid",
    "cseq",
    "last_modified",
    "flags",
    "cflags",
    "user_agent",
    "socket",
    "methods",
    "instance",
    "reg_id",
)
RUID: Final = 0
CONTACT: Final = COLUMNS.index("contact")
DOMAIN: Final = COLUMNS.index("domain")
EXPIRES: Final = COLUMNS.index("expires")
CALL_ID: Final = COLUMNS.index("callid")
CSEQ: Final = COLUMNS.index("cseq")
LAST_MODIFIED: Final = COLUMNS.index("last_modified")

#: A contact for good ends when the calendar does; rows of OpenSER's have the beginning of time.
_FOR_GOOD = "9999-12-31 23:59:59"
_FOR_GOOD_FROM = 253_000_000_000
_FOR_GOOD_UNTIL = 86_400
#: OpenSER's number for 'the phone said no q'.
_NO_Q = -1.0

Row = tuple[Any, ...]
#: What a refresh changes: ruid, expires, cseq and last_modified, as in a row.
Refresh = tuple[str, str, int, str]


class LocationTable(Protocol):
    """The statements on ``location``, in the words of one database."""

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write whole rows; each is durable when this returns."""

    def refresh(self, refreshes: Sequence[Refresh]) -> bool:
        """Write only what a refresh changes, into rows that are there. False: some were not there; they are
        whole again after ``upsert`` of the same rows.
        """

    def replay(self, rows: Sequence[Row], removals: Sequence[tuple[str, str]]) -> None:
        """Write rows, and remove others by (ruid, time of removal), unless the database has newer ones."""

    def delete(self, ruids: Sequence[str], expired_before: str | None = None) -> None:
        """Remove rows; with ``expired_before`` only those that are dead still: a phone may have come back."""

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Rows in the order of their ruid; ``expires`` and ``last_modified`` are seconds since 1970."""

    def of_user(self, aor: AddressOfRecord) -> Sequence[Row]:
        """The rows of one user, and those of that name without a domain, as ``page`` gives them."""


def row_of(binding: Binding, offset: float) -> Row:
    """The row; ``offset`` is what must be added to monotonic seconds to get seconds since 1970."""
    deadline = binding.deadline
    q = binding.q
    return (
        binding.ruid,
        storable(binding.aor.username),
        binding.aor.domain,
        storable(binding.contact),
        binding.received,
        binding.path if binding.path is None else storable(binding.path),
        # Rounded up: a restart takes nothing from anybody.
        _FOR_GOOD if deadline == PERMANENT else moment(math.ceil(deadline + offset)),
        _NO_Q if q is None else q,
        storable(binding.call_id),
        binding.cseq,
        moment(int(binding.modified)),
        binding.flags,
        binding.cflags,
        storable(binding.user_agent),
        binding.socket,
        binding.methods,
        binding.instance if binding.instance is None else storable(binding.instance),
        binding.reg_id or 0,
    )


def refresh_of(binding: Binding, offset: float) -> Refresh:
    """What a refresh changes of the row; ``offset`` as for ``row_of``."""
    deadline = binding.deadline
    return (
        binding.ruid,
        _FOR_GOOD if deadline == PERMANENT else moment(math.ceil(deadline + offset)),
        binding.cseq,
        moment(int(binding.modified)),
    )


def is_refresh(former: Binding, binding: Binding) -> bool:
    """Whether the rows of both differ in nothing but what a refresh changes."""
    return (
        former.contact == binding.contact
        and former.call_id == binding.call_id
        and former.received == binding.received
        and former.socket == binding.socket
        and former.user_agent == binding.user_agent
        and former.methods == binding.methods
        and former.path == binding.path
        and former.q == binding.q
        and former.instance == binding.instance
        and former.reg_id == binding.reg_id
        and former.aor == binding.aor
        and former.flags == binding.flags
        and former.cflags == binding.cflags
    )


def binding_of(row: Sequence[Any], offset: float) -> Binding:
    """The binding of a row whose ``expires`` and ``last_modified`` are seconds since 1970."""
    (
        ruid,
        username,
        domain,
        contact,
        received,
        path,
        expires,
        q,
        call_id,
        cseq,
        modified,
        flags,
        cflags,
        user_agent,
        socket,
        methods,
        instance,
        reg_id,
    ) = row
    for_good = expires >= _FOR_GOOD_FROM or expires < _FOR_GOOD_UNTIL
    return Binding(
        AddressOfRecord(as_received(username), domain.lower()),
        as_received(contact),
        PERMANENT if for_good else expires - offset,
        as_received(call_id),
        cseq,
        None if q < 0 else float(q),
        as_received(user_agent),
        received,
        None if path is None else as_received(path),
        socket,
        None,
        methods,
        None if instance is None else as_received(instance),
        reg_id or None,
        flags,
        cflags,
        ruid,
        float(modified),
    )


def is_dead(row: Row, wall: float) -> bool:
    """Whether nobody can be reached by a row that ``page`` gave: it is over, or has no contact."""
    expires = row[EXPIRES]
    return not row[CONTACT] or _FOR_GOOD_UNTIL <= expires <= wall


def as_read(row: Sequence[Any]) -> Row:
    """A row that ``row_of`` made as ``page`` would give it: its moments as seconds since 1970."""
    seconds = [
        calendar.timegm(strptime(row[column], "%Y-%m-%d %H:%M:%S")) for column in (EXPIRES, LAST_MODIFIED)
    ]
    return (
        *row[:EXPIRES],
        seconds[0],
        *row[EXPIRES + 1 : LAST_MODIFIED],
        seconds[1],
        *row[LAST_MODIFIED + 1 :],
    )


@lru_cache(maxsize=16384)
def moment(seconds: int) -> str:
    """``2007-04-22 18:46:09`` in UTC; many bindings of one batch end in the same second."""
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(seconds))


_TO_PRIVATE = {0xDC80 + byte: 0xF780 + byte for byte in range(128)}
_FROM_PRIVATE = {private: surrogate for surrogate, private in _TO_PRIVATE.items()}


def storable(text: str) -> str:
    """Text that a database takes."""
    return text if text.isascii() else text.translate(_TO_PRIVATE)


def as_received(text: str) -> str:
    """Text as it came from the wire."""
    return text if text.isascii() else text.translate(_FROM_PRIVATE)
