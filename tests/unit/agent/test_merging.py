from __future__ import annotations

from typing import Any

import pytest

from appliance.agent.merging import MERGED, summed


def merge(command: str, *answers: Any, missing: tuple[int, ...] = ()) -> Any:
    return MERGED[command](dict(enumerate(answers, 1)), missing)


def row(name: str, value: int) -> dict[str, Any]:
    return {"group": "g", "name": name, "value": value}


def test_what_each_counts_is_added_and_what_all_know_is_not() -> None:
    one = [row("rcv_requests", 3), row("location-contacts", 7), row("max_expires", 7200)]
    two = [row("rcv_requests", 4), row("location-contacts", 6), row("max_expires", 7200)]
    assert merge("statistics", one, two) == [
        row("rcv_requests", 7),
        row("location-contacts", 7),
        row("max_expires", 7200),
    ]


def test_calls_could_be_made_since_the_oldest_started() -> None:
    told = merge("process", {"pid": 1, "started": 30.0}, {"pid": 2, "started": 20.0})
    assert told == {"pid": 1, "started": 20.0}


def test_lists_are_put_together_and_slots_added() -> None:
    assert merge("processes", [{"pid": 1}], [{"pid": 2}]) == [{"pid": 1}, {"pid": 2}]
    slots = [[{"index": 0, "current": 1, "total": 5}], [{"index": 0, "current": 2, "total": 6}]]
    assert merge("transaction_slots", *slots) == [{"index": 0, "current": 3, "total": 11}]
    assert merge("reset_statistics", 2, 2) == 2


def test_gateways_fail_for_each_worker_by_itself() -> None:
    rests = [{"id": 1, "rests": 40, "failed_ago": 20}, {"id": 2, "rests": 0, "failed_ago": None}]
    fine = [{"id": 1, "rests": 0, "failed_ago": None}, {"id": 2, "rests": 0, "failed_ago": 300}]
    both = [{"id": 1, "rests": 40, "failed_ago": 20}, {"id": 2, "rests": 0, "failed_ago": 300}]
    for answers in ((rests, fine), (fine, rests)):
        assert merge("gateways", *(list(map(dict, each)) for each in answers)) == both


def status(**changes: Any) -> dict[str, Any]:
    return {
        "pid": 1,
        "state": "ok",
        "problems": [],
        "started": 100.0,
        "uptime": 50,
        "bindings": 7,
        "users": 6,
        "flood": {"on": True, "hard": False, "bans": 1, "remembered": 5, "dropped": {"source": 2}},
        "calls": 2,
        "transactions": {"server": 1},
        "requests_received": 10,
        "database": {"available": True, "spooled": 1},
        **changes,
    }


def test_a_status_of_two() -> None:
    told = merge("status", status(), status(pid=2, started=90.0, uptime=60, calls=1))
    assert (told["calls"], told["requests_received"], told["transactions"]) == (3, 20, {"server": 2})
    assert (told["bindings"], told["users"], told["state"]) == (7, 6, "ok")
    assert told["flood"] == {"on": True, "hard": False, "bans": 1, "remembered": 10, "dropped": {"source": 4}}
    assert (told["started"], told["uptime"], told["database"]["spooled"]) == (90.0, 60, 2)
    assert [each["pid"] for each in told["workers"]] == [1, 2]


def test_a_worker_that_does_not_answer_is_a_problem() -> None:
    told = merge("status", status(), missing=(2,))
    assert told["state"] == "degraded"
    assert "Worker 2 does not answer" in told["problems"][0]["what"]
    assert told["workers"][1] == {"worker": 2, "pid": None, "state": "down", "calls": 0}


def test_who_is_ready_speaks_for_who_starts_and_a_problem_is_told_once() -> None:
    problem = {"what": "The database does not answer.", "todo": "Start it."}
    starting = status(state="starting", bindings=0, problems=[problem])
    told = merge("status", starting, status(state="degraded", problems=[problem]))
    assert (told["state"], told["bindings"], told["problems"]) == ("degraded", 7, [problem])


def histogram(count: int) -> dict[str, Any]:
    return {"buckets": [[0.1, count], [1.0, count + 1]], "count": count + 2, "sum": 0.5}


def test_snapshots_are_added_by_their_labels() -> None:
    one = {"sipbox_greenlets": [([], 5)], "sipbox_bindings_active": [(["udp"], 7)], "h": [([], histogram(1))]}
    two = {
        "sipbox_greenlets": [([], 6)],
        "sipbox_bindings_active": [(["udp"], 6), (["tcp"], 1)],
        "h": [([], histogram(2))],
    }
    assert summed([one, two]) == {
        "sipbox_greenlets": [([], 11)],
        "sipbox_bindings_active": [(["udp"], 7), (["tcp"], 1)],
        "h": [([], {"buckets": [[0.1, 3], [1.0, 5]], "count": 7, "sum": 1.0})],
    }


@pytest.mark.parametrize("command", ["registration_add", "registrations", "online", "ping", "uac"])
def test_what_one_worker_can_say_or_do_for_all_is_asked_of_one(command: str) -> None:
    assert command not in MERGED
