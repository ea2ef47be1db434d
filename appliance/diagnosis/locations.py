"""Where phones are: loaded, and on its way to the database."""

from __future__ import annotations

from typing import Any

from appliance.diagnosis.finding import Finding, count, waiting
from appliance.diagnosis.surroundings import Surroundings

WAITS_FOR_DATABASE = "It mends itself when the database answers: sipbox diagnose database."


def judge(told: dict[str, Any]) -> Finding:
    """``told`` is the server's status."""
    database = told["database"]
    mode, spooled = database["location_mode"], database["spooled"]
    if database["loading"]:
        todo = "Wait a minute; sipbox status shows it."
        todo = todo if database["available"] else WAITS_FOR_DATABASE
        return Finding("wrong", "they have not been read completely since the start", todo)
    if spooled and not database["available"]:
        return Finding("wrong", f"{waiting(spooled, 'change')} on disk", WAITS_FOR_DATABASE)
    if spooled:
        todo = "Wait a minute; if it does not become less: journalctl -u 'sipbox@*' -n 50."
        return Finding("wrong", f"{count(spooled, 'change')} still on the way from disk", todo)
    return Finding(
        "ok", f"{count(told['bindings'], 'contact')} of {count(told['users'], 'user')}, {mode}, nothing waits"
    )


def look(around: Surroundings) -> Finding:
    """The server's word."""
    return judge(around.needs_status())
