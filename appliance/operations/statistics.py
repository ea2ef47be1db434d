"""OpenSER 1.2's statistics, by its groups and names, computed from what sipbox counts.

A reset remembers the number as it stands and subtracts it from then on, so that the metrics go on
undisturbed. What OpenSER does not reset (what lives now, what is computed) is not reset here either, and
says nothing about it.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from appliance.operations.box import Box
from appliance.operations.uac import UserAgent
from appliance.telemetry.process import process_numbers

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CLASSES = range(1, 7)


class _Statistic(NamedTuple):
    group: str
    name: str
    value: Callable[[], int]
    resets: bool


class Statistics:
    """Answers ``get_statistics`` and ``reset_statistics``, and hands out the metrics."""

    def __init__(self, box: Box, agent: UserAgent) -> None:
        self._box = box
        self._all = list(_catalogue(box, agent))
        self._by_name = {one.name.lower(): one for one in self._all}
        self._reset_at: dict[str, int] = {}

    def metrics(self) -> dict[str, Any]:
        """What Prometheus is shown, and the process that it is about."""
        return {"snapshot": self._box.metrics.snapshot(), "pid": os.getpid(), "process": process_numbers()}

    def get(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """``all``, ``group:`` or a name (``group:name`` too), in any case; what is not there is left out."""
        return [
            {"group": one.group, "name": one.name, "value": one.value() - self._reset_at.get(one.name, 0)}
            for name in names
            for one in self._called(name)
        ]

    def reset(self, names: Sequence[str]) -> int:
        """Set single statistics to zero; how many there are of these names, resettable or not."""
        single = [name for name in names if name.lower() != "all" and not name.endswith(":")]
        found = [one for name in single for one in self._called(name)]
        for one in found:
            if one.resets:
                self._reset_at[one.name] = one.value()
        return len(found)

    def _called(self, name: str) -> Iterable[_Statistic]:
        wanted = name.lower()
        if wanted == "all":
            return self._all
        group, colon, rest = wanted.partition(":")
        if colon and not rest:
            return [one for one in self._all if one.group == group]
        one = self._by_name.get(rest if colon else wanted)
        return [one] if one is not None and (not colon or one.group == group) else []


def _catalogue(box: Box, agent: UserAgent) -> Iterator[_Statistic]:
    yield from _core(box)
    yield from _memory()
    yield from _transactions(box, agent)
    yield from _stateless(box)
    yield from _locations(box)
    yield from _registrar(box)


def _core(box: Box) -> Iterator[_Statistic]:
    metrics = box.metrics
    rejected = metrics.messages_rejected

    def refused(*reasons: str) -> Callable[[], int]:
        return lambda: sum(rejected.get(reason, 0) for reason in reasons)

    for name, value in (
        ("rcv_requests", metrics.requests_received.total),
        ("rcv_replies", metrics.responses_received.total),
        ("fwd_requests", metrics.requests_forwarded.total),
        ("fwd_replies", metrics.responses_forwarded.total),
        ("drop_requests", refused("acl", "overload", "rate_limited", "scanner", "other")),
        ("drop_replies", _none),
        (
            "err_requests",
            refused("malformed", "bad_uri", "too_large", "unsupported", "loop", "too_many_hops"),
        ),
        ("err_replies", _none),
        ("bad_URIs_rcvd", refused("bad_uri")),
        ("unsupported_methods", refused("unsupported")),
        ("bad_msg_hdr", refused("malformed")),
    ):
        yield _Statistic("core", name, value, True)


def _memory() -> Iterator[_Statistic]:
    """There is no shared memory; these are the machine's and the process's own, in bytes."""
    for name, value in (
        ("total_size", lambda: os.sysconf("SC_PHYS_PAGES") * _PAGE),
        ("used_size", _resident),
        ("real_used_size", _resident),
        ("max_used_size", _peak),
        ("free_size", lambda: os.sysconf("SC_AVPHYS_PAGES") * _PAGE),
        ("fragments", _none),
    ):
        yield _Statistic("shmem", name, value, False)


def _transactions(box: Box, agent: UserAgent) -> Iterator[_Statistic]:
    metrics, table = box.metrics, box.transactions

    def of_class(first: int) -> Callable[[], int]:
        return lambda: max(
            _by_class(first, ((code, count) for (_, code), count in metrics.responses_sent.items()))
            - _by_class(first, metrics.stateless_responses.items()),
            0,
        )

    def local() -> int:
        sent = metrics.responses_sent.total() - metrics.stateless_responses.total()
        return max(sent - metrics.responses_forwarded.total(), 0)

    yield _Statistic("tm", "received_replies", metrics.responses_received.total, True)
    yield _Statistic("tm", "relayed_replies", metrics.responses_forwarded.total, True)
    yield _Statistic("tm", "local_replies", local, True)
    yield _Statistic(
        "tm", "UAS_transactions", lambda: table.begun["invite_server"] + table.begun["server"], True
    )
    yield _Statistic("tm", "UAC_transactions", lambda: agent.sent, True)
    for first in _CLASSES[1:]:
        yield _Statistic("tm", f"{first}xx_transactions", of_class(first), True)
    yield _Statistic("tm", "inuse_transactions", lambda: sum(table.active.values()), False)


def _stateless(box: Box) -> Iterator[_Statistic]:
    metrics = box.metrics
    sent = metrics.stateless_responses

    def of_class(first: int) -> Callable[[], int]:
        return lambda: _by_class(first, sent.items())

    def acknowledged() -> int:
        ended = _of_method("ACK", metrics.requests_received.items())
        return max(ended - _of_method("ACK", metrics.requests_forwarded.items()), 0)

    for first in _CLASSES:
        yield _Statistic("sl", f"{first}xx_replies", of_class(first), True)
    yield _Statistic("sl", "sent_replies", sent.total, True)
    yield _Statistic(
        "sl", "sent_err_replies", lambda: sum(_by_class(first, sent.items()) for first in (4, 5, 6)), True
    )
    yield _Statistic("sl", "received_ACKs", acknowledged, True)


def _locations(box: Box) -> Iterator[_Statistic]:
    locations = box.service.locations
    yield _Statistic("usrloc", "registered_users", lambda: locations.users, False)
    yield _Statistic("usrloc", "location-users", lambda: locations.users, False)
    yield _Statistic("usrloc", "location-contacts", lambda: len(locations), False)
    yield _Statistic("usrloc", "location-expires", lambda: box.metrics.bindings_expired, True)


def _registrar(box: Box) -> Iterator[_Statistic]:
    settings, metrics = box.settings.registrar, box.metrics

    def accepted() -> int:
        sent = metrics.responses_sent.items()
        return sum(count for (method, code), count in sent if method == "REGISTER" and str(code)[:1] == "2")

    def rejected() -> int:
        return sum(metrics.registrations.get(result, 0) for result in ("rejected", "unavailable"))

    yield _Statistic("registrar", "max_expires", lambda: settings.max_expires, False)
    yield _Statistic("registrar", "max_contacts", lambda: settings.max_contacts, False)
    yield _Statistic("registrar", "default_expire", lambda: settings.default_expires, False)
    yield _Statistic("registrar", "accepted_regs", accepted, True)
    yield _Statistic("registrar", "rejected_regs", rejected, True)


def _none() -> int:
    return 0


def _peak() -> int:
    # The kernel counts the two by different means, and not always in the same order.
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _by_class(first: int, counts: Iterable[tuple[object, int]]) -> int:
    return sum(count for code, count in counts if str(code)[:1] == str(first))


def _of_method(method: str, counts: Iterable[tuple[tuple[str, str], int]]) -> int:
    return sum(count for (counted, _), count in counts if counted == method)
