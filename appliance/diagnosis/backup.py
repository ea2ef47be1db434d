"""The nightly backup: is it wanted, did the last one succeed, how old is it."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from appliance.diagnosis.finding import AS_ROOT, Finding, span
from appliance.diagnosis.surroundings import Surroundings
from appliance.storage import backup_files

DIRECTORY = Path("/var/backups/sipbox")
_DAY = 86_400.0
_LATE = 1.5  # of the time between two
_NAMED = re.compile(r"BACKUP_DIRECTORY=(\S+)")
_MAKE = "Make one now: systemctl start sipbox-backup; journalctl -u sipbox-backup -n 20 says how it went."


class Nightly(NamedTuple):
    """``wanted``: the timer runs; ``failed``: its last run did. ``every`` seconds one is due.

    ``newest`` and ``since`` are wall time: the newest backup, and since when the directory is there; None:
    none, or (with ``forbidden``) not ours to see.
    """

    wanted: bool
    directory: Path
    every: float = _DAY
    failed: bool = False
    newest: float | None = None
    since: float | None = None
    forbidden: bool = False


def judge(nightly: Nightly, now: float) -> Finding:
    """``now`` is wall time."""
    if not nightly.wanted:
        return Finding("off", "no backup is made every night; sipbox backup create makes one")
    patience = nightly.every * _LATE
    if nightly.failed:
        return Finding("wrong", "the last backup failed", _MAKE)
    if nightly.forbidden:
        return Finding("unknown", f"{nightly.directory} may not be read by this user", AS_ROOT)
    if nightly.newest is None:
        if nightly.since is not None and now - nightly.since > patience:
            return Finding("wrong", f"there is no backup in {nightly.directory}", _MAKE)
        return Finding("ok", f"on: {nightly.directory}; the first one is still to come")
    age = now - nightly.newest
    if age > patience:
        return Finding("wrong", f"the newest backup in {nightly.directory} is {span(age)} old", _MAKE)
    return Finding("ok", f"on: the newest in {nightly.directory} is {span(age)} old")


def look(around: Surroundings) -> Finding:
    """The directory, and what systemd says of the timer."""
    if around.backups is not None:
        return judge(_seen(Nightly(True, around.backups)), around.wall())
    told = properties(
        around.run(
            [
                "systemctl",
                "show",
                "sipbox-backup.timer",
                "--property=ActiveState,LastTriggerUSec,NextElapseUSecRealtime",
            ]
        )
    )
    if told.get("ActiveState") != "active":
        return judge(Nightly(False, DIRECTORY), around.wall())
    service = properties(
        around.run(["systemctl", "show", "sipbox-backup.service", "--property=Result,Environment"])
    )
    named = _NAMED.findall(service.get("Environment", ""))
    nightly = Nightly(
        True,
        Path(named[-1]) if named else DIRECTORY,
        every=max(_DAY, _between(told)),
        failed=service.get("Result", "success") != "success",
    )
    return judge(_seen(nightly), around.wall())


def properties(told: str | None) -> dict[str, str]:
    """``systemctl show`` as a mapping."""
    pairs = (line.partition("=") for line in (told or "").splitlines())
    return {key: value for key, _, value in pairs}


def _between(told: dict[str, str]) -> float:
    """The seconds from the timer's last run to its next one; 0 when that is not known."""
    try:
        last, following = (_moment(told[name]) for name in ("LastTriggerUSec", "NextElapseUSecRealtime"))
    except (KeyError, ValueError):
        return 0.0
    return following - last


def _moment(text: str) -> float:
    """``Mon 2026-11-30 03:30:00 CET``, in the machine's own zone, since the epoch."""
    _, day, clock, *_ = text.split()
    return time.mktime(datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").timetuple())  # noqa: DTZ007


def _seen(nightly: Nightly) -> Nightly:
    try:
        since = nightly.directory.stat().st_mtime
        found = backup_files.every(nightly.directory)
    except FileNotFoundError:
        return nightly._replace(since=0.0)
    except PermissionError:
        return nightly._replace(forbidden=True)
    return nightly._replace(newest=found[0].made.timestamp() if found else None, since=since)
