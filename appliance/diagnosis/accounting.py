"""Calls' records: whether any wait for the database, or were lost."""

from __future__ import annotations

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, count, waiting
from appliance.diagnosis.locations import WAITS_FOR_DATABASE
from appliance.diagnosis.surroundings import Surroundings

_MANY = 1000  # in memory: some seconds' worth, so the database does not take them as fast as they come


def judge(settings: Settings, memory: float, disk: float, lost: float, *, available: bool) -> Finding:
    """``memory`` and ``disk`` are records that wait, ``lost`` those that are gone since the start."""
    wanted = settings.accounting
    if not wanted.enabled:
        return Finding("off", "no calls are recorded (accounting.enabled)")
    if lost:
        what = f"{count(lost, 'record')} of calls are lost since the start"
        todo = "See why: journalctl -u 'sipbox@*' | grep -i account; sipbox diagnose database disk."
        return Finding("wrong", what, todo)
    both = memory + disk
    if disk and not available:
        return Finding("wrong", f"{waiting(both, 'record')} on disk", WAITS_FOR_DATABASE)
    if disk or memory > _MANY:
        todo = "Wait a minute; if it does not become less: journalctl -u 'sipbox@*' -n 50."
        return Finding("wrong", f"{waiting(both, 'record')} for the database", todo)
    days = wanted.retention_days
    stays = f"kept for {count(days, 'day')}" if days else "kept for good"
    return Finding("ok", f"on: calls are recorded, and {stays}; {count(both, 'record')} under way")


def look(around: Surroundings) -> Finding:
    """The settings, and what the server counts."""
    settings = around.need("accounting")
    if not settings.accounting.enabled:
        return judge(settings, 0, 0, 0, available=True)
    metric = "sipbox_accounting_waiting"
    return judge(
        settings,
        around.number(metric, "memory"),
        around.number(metric, "disk"),
        around.number("sipbox_accounting_requests_total", "lost"),
        available=around.needs_status()["database"]["available"],
    )
