"""The diagnosis once a minute, for the status page and for Prometheus.

It is made by ``sipbox diagnose`` as a process of its own: what it looks at may hang, and it brings libraries
that nobody needs in between. Must not know what is looked at.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import gevent
from gevent.event import Event

from appliance.supervision import program

SECONDS = 60.0
#: The most often that it is made while somebody looks.
FRESH_SECONDS = 10.0
#: A server that has just been started is given the time to come up.
FIRST_SECONDS = 3.0
PATIENCE = 45.0

log = logging.getLogger("sipbox.agent")

Check = dict[str, str]
#: The check of the checks: as the others, so that the page and an alert tell of it.
_MADE: Check = {
    "part": "diagnosis",
    "state": "ok",
    "what": "is made once a minute",
    "todo": "",
    "because": "",
}
_TODO = "Run sipbox diagnose by hand: the part that comes after the last line is the one that hangs."
#: Takes the command, returns what it prints. Raises OSError.
Run = Callable[[Sequence[str]], str]


class Report(NamedTuple):
    """What was found, and when (seconds since 1970; 0: never). Each of ``checks`` has ``part``, ``state``
    (``ok``, ``off``, ``unknown``, ``wrong``, ``down``), ``what``, ``todo`` and ``because`` (the part that it
    follows from, or ""); none when nothing was looked at yet."""

    checks: list[Check]
    made: float

    @property
    def wrong(self) -> list[Check]:
        """Those that somebody should look at, causes before their consequences."""
        found = [check for check in self.checks if check["state"] in ("wrong", "down")]
        return sorted(found, key=lambda check: bool(check["because"]))


class Checkup:
    """Runs ``command`` once a minute, each time for ``patience`` seconds at most; an empty one never."""

    def __init__(
        self,
        command: Sequence[str],
        run: Run | None = None,
        wall: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        self._command = list(command)
        self._run = run or partial(_printed, patience=patience)
        self._wall = wall
        self.report = Report([], 0.0)
        self._asked = Event()
        self._looking: gevent.Greenlet[..., None] | None = None

    def wanted(self) -> None:
        """Somebody is looking: a report that is not of just now is made anew."""
        if self._wall() - self.report.made >= FRESH_SECONDS:
            self._asked.set()

    def start(self) -> None:
        if self._command:
            self._looking = gevent.spawn(self._look)

    def stop(self) -> None:
        if self._looking is not None:
            self._looking.kill()

    def look(self) -> None:
        """Makes a new report; when that is not possible, the old one stays, and says so."""
        try:
            self.report = Report([*_checks(self._run(self._command)), _MADE], self._wall())
        except (OSError, ValueError, LookupError, TypeError) as error:
            log.warning("the diagnosis cannot be made: %s", error)
            old = [check for check in self.report.checks if check["part"] != _MADE["part"]]
            failed = {**_MADE, "state": "wrong", "what": f"it cannot be made: {error}", "todo": _TODO}
            self.report = self.report._replace(checks=[*old, failed])

    def _look(self) -> None:
        self._asked.wait(FIRST_SECONDS)
        while True:
            self._asked.clear()
            self.look()
            gevent.sleep(FRESH_SECONDS)
            self._asked.wait(SECONDS - FRESH_SECONDS)


def _checks(text: str) -> list[Check]:
    """What ``sipbox diagnose --json`` has printed. ValueError when it is something else."""
    told = json.loads(text)
    rows = told["checks"] if isinstance(told, dict) and isinstance(told.get("checks"), list) else None
    if rows is None:
        raise ValueError("no checks in it")
    return [{name: str(row[name]) for name in ("part", "state", "what", "todo", "because")} for row in rows]


def _printed(command: Sequence[str], patience: float) -> str:
    done = program.run(command, patience)
    if not done.printed:
        said = done.said.strip().splitlines()
        raise OSError(said[-1] if said else f"it ended with {done.code}, and said nothing")
    return done.printed
