"""What several workers say, as one answer in the form in which one worker would give it.

Counts are added. What all workers know alike (bindings, users) is taken once. A command that is not listed
here is asked of one worker only. Must not know how workers are asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from appliance.telemetry.catalogue import SHARED
from appliance.telemetry.metrics import Snapshot
from appliance.telemetry.recent import KEPT

#: Answers by the worker's number, those that did not answer left out.
Answers = dict[int, Any]
Merge = Callable[[Answers, Sequence[int]], Any]

_STATES = ("ok", "degraded", "starting")
#: Statistics of what every worker knows, or of what is the machine's.
_ALIKE = frozenset(
    {
        "registered_users", "location-users", "location-contacts", "max_expires", "max_contacts",
        "default_expire", "total_size", "free_size", "fragments",
    }
)  # fmt: skip


def _first(answers: Answers, _: Sequence[int]) -> Any:
    return next(iter(answers.values()))


def _most(answers: Answers, _: Sequence[int]) -> Any:
    return max(answers.values())


def _together(answers: Answers, _: Sequence[int]) -> list[Any]:
    return [item for answer in answers.values() for item in answer]


def _process(answers: Answers, _: Sequence[int]) -> dict[str, Any]:
    """The first one; calls could be made since the oldest of them started."""
    told = dict(next(iter(answers.values())))
    told["started"] = min(answer["started"] for answer in answers.values())
    return told


def _slots(answers: Answers, _: Sequence[int]) -> list[dict[str, int]]:
    sums: dict[int, dict[str, int]] = {}
    for slot in _together(answers, ()):
        known = sums.setdefault(slot["index"], {"index": slot["index"], "current": 0, "total": 0})
        known["current"] += slot["current"]
        known["total"] += slot["total"]
    return list(sums.values())


def _statistics(answers: Answers, _: Sequence[int]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _together(answers, ()):
        known = rows.setdefault((row["group"], row["name"]), {**row, "value": 0})
        if row["name"] in _ALIKE:
            known["value"] = max(known["value"], row["value"])
        else:
            known["value"] += row["value"]
    return list(rows.values())


def _status(answers: Answers, missing: Sequence[int]) -> dict[str, Any]:
    """The first worker that is not just starting speaks for all; what each of them counts is added."""
    told = list(answers.values())
    speaker = min(told, key=lambda answer: _STATES.index(answer["state"]))
    problems = [
        {
            "what": f"Worker {number} does not answer; its share of the phones waits for it.",
            "todo": f"Look into its log: journalctl -u sipbox@{number}.",
        }
        for number in missing
    ]
    for answer in told:
        problems += [problem for problem in answer["problems"] if problem not in problems]
    transactions: Counter[str] = Counter()
    for answer in told:
        transactions.update(answer["transactions"])
    started = min(answer["started"] for answer in told)
    spooled = sum(answer["database"]["spooled"] for answer in told)
    return {
        **speaker,
        "started": started,
        "uptime": max(answer["uptime"] for answer in told),
        "state": "degraded" if problems and speaker["state"] == "ok" else speaker["state"],
        "problems": problems,
        "database": {**speaker["database"], "spooled": spooled},
        "calls": sum(answer["calls"] for answer in told),
        # Who hears the other boxes; the others say nothing.
        "cluster": next((answer["cluster"] for answer in told if answer.get("cluster")), {}),
        "flood": _flood([answer["flood"] for answer in told]),
        "transactions": dict(transactions),
        "requests_received": sum(answer["requests_received"] for answer in told),
        "last_calls": _newest(told, "last_calls"),
        "last_troubles": _newest(told, "last_troubles"),
        "workers": [
            {"worker": number, "pid": answer["pid"], "state": answer["state"], "calls": answer["calls"]}
            for number, answer in answers.items()
        ]
        + [{"worker": number, "pid": None, "state": "down", "calls": 0} for number in missing],
    }


def _newest(told: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The last ones of all; a worker of another version may not tell of them."""
    every = [item for answer in told for item in answer.get(name, ())]
    return sorted(every, key=lambda item: item["when"], reverse=True)[:KEPT]


def _flood(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All know the same bans and phones; each has strangers of its own."""
    dropped: Counter[str] = Counter()
    for each in told:
        dropped.update(each["dropped"])
    remembered = sum(each["remembered"] for each in told)
    hard = any(each["hard"] for each in told)
    return {**told[0], "hard": hard, "remembered": remembered, "dropped": dict(dropped)}


def _gateways(answers: Answers, _: Sequence[int]) -> list[dict[str, Any]]:
    """Each worker knows what failed for itself: the longest rest, and the latest failure."""
    rows: dict[int, dict[str, Any]] = {}
    for answer in answers.values():
        for row in answer:
            known = rows.setdefault(row["id"], row)
            known["rests"] = max(known["rests"], row["rests"])
            ago = [each["failed_ago"] for each in (known, row) if each["failed_ago"] is not None]
            known["failed_ago"] = min(ago, default=None)
    return list(rows.values())


def _metrics(answers: Answers, _: Sequence[int]) -> dict[str, Any]:
    """The sums as one process would tell them, and what each one has told, by its number."""
    return {
        "snapshot": summed([answer["snapshot"] for answer in answers.values()]),
        "pid": next(iter(answers.values()))["pid"],
        "process": next(iter(answers.values())).get("process"),
        "workers": {str(number): answer for number, answer in answers.items()},
    }


def summed(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Snapshots added up; of what all know alike, the largest."""
    sums: dict[str, dict[tuple[str, ...], Any]] = {}
    for snapshot in snapshots:
        for name, samples in snapshot.items():
            known = sums.setdefault(name, {})
            for labels, value in samples:
                key = tuple(labels)
                known[key] = value if key not in known else _sum(name, known[key], value)
    return {name: [(list(labels), value) for labels, value in known.items()] for name, known in sums.items()}


def _sum(name: str, one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        buckets = [
            [bound, a + b] for (bound, a), (_, b) in zip(one["buckets"], other["buckets"], strict=True)
        ]
        return {"buckets": buckets, "count": one["count"] + other["count"], "sum": one["sum"] + other["sum"]}
    return max(one, other) if name in SHARED else one + other


#: The commands that are asked of all workers.
MERGED: dict[str, Merge] = {
    "process": _process,
    "processes": _together,
    "outdated": _together,
    "kill": _first,
    "reload": _first,
    "forget": _first,
    "domains_reload": _first,
    "peers_reload": _first,
    "certificates_reload": _first,
    "prefixes_reload": _first,
    "flush": _first,
    "nat_ping": _first,
    "media_enable": _first,
    "trace_show": _first,
    "ban_add": _first,
    "ban_lift": _most,
    "status": _status,
    "gateways": _gateways,
    "metrics": _metrics,
    "statistics": _statistics,
    "reset_statistics": _most,
    "failed_destinations": _together,
    "transactions": _together,
    "transaction_slots": _slots,
    # Only who has the transaction does it; the others say that they have not.
    "transaction_reply": _first,
    "uac_cancel": _first,
}
