"""The SIP process, or its workers: does it answer."""

from __future__ import annotations

from typing import Any

from appliance.diagnosis.finding import AS_ROOT, Finding, count, span
from appliance.diagnosis.surroundings import Surroundings


def judge(
    told: dict[str, Any] | str, *, forbidden: bool, systemd: bool, misread: bool, only: int = 1
) -> Finding:
    """``told`` is its answer, or why there is none. ``forbidden``: this user may not ask. ``misread``: the
    settings are wrong, so that it cannot start. ``only`` workers are wanted."""
    if isinstance(told, str):
        if forbidden:
            return Finding("wrong", "this user may not ask the server", AS_ROOT)
        start = "systemctl start sipbox.target" if systemd else "sipbox serve"
        log = "; if it does not stay: journalctl -u 'sipbox@*' -n 30" if systemd else ""
        first = "Mend the settings; then start it" if misread else "Start it"
        return Finding("down", f"no calls, no registrations: {told}", f"{first}: {start}{log}.")
    workers = told.get("workers", [])
    silent = [each["worker"] for each in workers if each["state"] == "down"]
    if silent:
        return Finding(
            "wrong",
            f"{count(len(silent), 'worker')} of {only} {'does' if len(silent) == 1 else 'do'} not answer:"
            f" {', '.join(map(str, silent))}",
            f"See why: journalctl -u sipbox@{silent[0]} -n 30; then: systemctl restart sipbox@{silent[0]}.",
        )
    if told["state"] == "starting":
        return Finding("ok", f"version {told['version']}, has just started")
    many = f", {count(len(workers), 'worker')}" if workers else ""
    return Finding("ok", f"version {told['version']}{many}, up for {span(told['uptime'])}")


def look(around: Surroundings) -> Finding:
    """The answer to ``status``."""
    return judge(
        around.told,
        forbidden=around.forbidden,
        systemd=around.systemd,
        misread=around.reading.problem is not None,
        only=around.settings.sip.worker_count,
    )
