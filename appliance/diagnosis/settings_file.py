"""The settings: is the file in order, and is it the one that the server works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from appliance.diagnosis.finding import AS_ROOT, Finding, Unknown
from appliance.diagnosis.surroundings import Surroundings

_ROUNDING = 1.0


class Ways(NamedTuple):
    """How this box is mended: what restarts the server, and whether Ansible can write the file anew."""

    restart: str
    ansible: bool = False


def judge(
    path: str,
    problem: str | None,
    forbidden: bool,
    changed: float,
    started: float | None,
    ways: Ways,
    outdated: Callable[[], bool] = lambda: True,
) -> Finding:
    """``changed`` and ``started`` are since the epoch, ``started`` None while the server is down. A file that
    is newer may say the same to the server: ``outdated()`` is what it says itself."""
    if forbidden:
        return Finding("unknown", f"{path} may not be read by this user", AS_ROOT)
    if problem is not None:
        again = "; or have it written anew: ansible-playbook site.yml" if ways.ansible else ""
        what = problem if started is None else f"{problem}; the server works with what it read at its start"
        return Finding("wrong", what, f"Mend it, and try: sipbox config check{again}.")
    if started is not None and changed > started + _ROUNDING and outdated():
        what = f"{path} was changed after the server's start; what it says anew holds from the next start"
        return Finding("wrong", what, f"Have it read: {ways.restart}.")
    return Finding("ok", f"{path} is in order")


def look(around: Surroundings) -> Finding:
    """The file, held against the server's start."""
    reading = around.reading
    try:
        changed = Path(reading.path).stat().st_mtime
    except OSError:
        changed = 0.0
    return judge(
        reading.path,
        None if reading.problem is None else str(reading.problem),
        reading.forbidden,
        changed,
        None if around.status is None else around.status["started"],
        Ways(
            "systemctl restart 'sipbox@*.service'"
            if around.systemd
            else "end 'sipbox serve', and start it again",
            around.ansible,
        ),
        lambda: _outdated(around),
    )


def _outdated(around: Surroundings) -> bool:
    """What the server says; one of another release, which does not know, has to start anew anyway."""
    try:
        return bool(around.ask("outdated"))
    except Unknown:
        return True
