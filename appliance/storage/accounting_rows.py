"""An accounted request as rows of ``acc``, ``missed_calls`` and ``cdrs``.

A record is all that these rows have, as values that a database and the spool take: text that is no longer
than its column, times as text in UTC. A row has a key that comes out the same when the same request is
accounted again, so a record may be written twice, and records may be written in any order. Must not know
which database it is, nor when rows are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from appliance.storage.location_rows import moment, storable
from appliance.telemetry.accounted import Accounted

#: The columns of a row of ``acc`` and ``missed_calls``; the key is the first.
REQUEST: Final = (
    "ruid", "method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time", "src_user",
    "src_domain", "src_ip", "dst_ouser", "dst_user", "dst_domain", "account",
)  # fmt: skip
_CALL: Final = (
    "dialog", "state", "sip_call_id", "sip_from_tag", "sip_to_tag", "call_setup_time", "src_username",
    "src_domain", "src_ip", "dst_username", "dst_domain", "dst_ousername", "account", "sip_code",
    "sip_reason",
)  # fmt: skip
#: The columns of ``cdrs``, by what is told: an INVITE that was answered, one that was not, a BYE. The key is
#: the first.
CALL: Final = {
    "answered": (*_CALL, "call_start_time"),
    "failed": (*_CALL, "call_end_time"),
    "over": (*_CALL[:6], "call_end_time"),
}

Row = tuple[str, ...]


class Record(NamedTuple):
    """``request`` is the row of ``acc``, and of ``missed_calls`` when ``missed``; ``call`` is that of
    ``cdrs``, with the columns ``CALL[told]``.
    """

    request: Row
    missed: bool
    told: str
    call: Row

    @property
    def key(self) -> str:
        """The same for the same request."""
        return str(self.request[0])


class AccountingTables(Protocol):
    """The statements on the three tables, in the words of one database."""

    def write(self, records: Sequence[Record]) -> None:
        """Write the rows of all; what is there already stays. Raises StorageError: then some may be there."""


def record_of(accounted: Accounted) -> Record:
    """The record."""
    (
        dialog, method, cseq, from_tag, to_tag, call_id, status, reason, began, ended, src_user, src_domain,
        src_ip, dst_ouser, dst_user, dst_domain, result, missed, account,
    ) = accounted  # fmt: skip
    method = _fit(method, 16)
    from_tag, to_tag, call_id = _fit(from_tag, 128), _fit(to_tag, 128), _fit(call_id, 255)
    reason = _fit(reason, 128)
    src_user, src_domain = _fit(src_user, 64), _fit(src_domain, 128)
    dst_ouser, dst_user, dst_domain = _fit(dst_ouser, 64), _fit(dst_user, 64), _fit(dst_domain, 128)
    account = _fit(account, 193)
    code = str(status)
    request = (
        f"{dialog}-{cseq}-{method}-{code}", method, from_tag, to_tag, call_id, code, reason,
        moment(int(ended)), src_user, src_domain, src_ip, dst_ouser, dst_user, dst_domain, account,
    )  # fmt: skip
    if not result:  # a BYE: the call was over when it came
        # Where the beginning is lost, the end stands for it: a call is found by its time in any case.
        when = instant(began)
        over = (dialog, "answered", call_id, from_tag, to_tag, when, when)
        return Record(request, False, "over", over)
    answered = result == "answered"
    call = (
        dialog if answered else f"{dialog}-{cseq}", result, call_id, from_tag, to_tag, instant(began),
        src_user, src_domain, src_ip, dst_user, dst_domain, dst_ouser, account, code, reason, instant(ended),
    )  # fmt: skip
    return Record(request, missed, "answered" if answered else "failed", call)


def spooled(record: Record) -> list[Any]:
    """The record as the spool takes it."""
    return list(record)


def unspooled(row: Sequence[Any]) -> Record:
    """The record again."""
    request, missed, told, call = row
    return Record(tuple(request), missed, told, tuple(call))


def instant(seconds: float) -> str:
    """``2026-11-29 18:46:09.123`` in UTC."""
    thousandths = int(seconds * 1000)
    return f"{moment(thousandths // 1000)}.{thousandths % 1000:03d}"


def _fit(text: str, length: int) -> str:
    if not text.isascii():
        text = storable(text)
    return text if len(text) <= length else text[:length]
