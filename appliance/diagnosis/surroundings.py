"""What the checks may look at: the settings, what the server says, the machine. Read once, when first asked.

Everything may be missing: the settings may be wrong, the server down, the user nobody. What cannot be had
raises ``Unknown``, which becomes the check's answer. Must not know what is judged.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.config import Settings
from appliance.diagnosis.finding import AS_ROOT, Unknown
from appliance.diagnosis.lenient import Reading
from appliance.diagnosis.pages import fetch
from appliance.errors import ControlError
from appliance.supervision import program

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_SECONDS = 3.0

Run = Callable[[Sequence[str]], str | None]


def run_program(command: Sequence[str]) -> str | None:
    """What a program prints; None when there is none such, or it fails, or takes too long."""
    try:
        done = program.run(command, _SECONDS)
    except OSError:
        return None
    return done.printed if done.code == 0 else None


class Surroundings:
    """``ask(command, **args)`` asks the running server and raises ControlError; ``url`` is the database as
    this user comes to it; ``backups`` a directory that is looked into in place of the nightly backup's own.
    ``root`` is where the machine's files begin.
    """

    def __init__(
        self,
        reading: Reading,
        ask: Callable[..., Any],
        url: str | URL | None = None,
        *,
        backups: Path | None = None,
        root: Path = Path("/"),
        run: Run = run_program,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.reading = reading
        self.url = url if url is not None else reading.settings.database.url
        self.backups = backups
        self.root = root
        self.run = run
        self.wall = wall
        self._ask = ask

    @property
    def settings(self) -> Settings:
        """The settings as far as they hold."""
        return self.reading.settings

    def need(self, *sections: str) -> Settings:
        """The settings, of which these sections are as the file means them; else Unknown."""
        lost = self.reading.unreadable.intersection(sections)
        if not lost:
            return self.settings
        if self.reading.forbidden:
            raise Unknown("the settings may not be read by this user", AS_ROOT)
        raise Unknown(f"the section [{min(lost)}] of the settings is wrong")

    @property
    def systemd(self) -> bool:
        """Whether systemd runs the server."""
        return (self.root / "etc/systemd/system/sipbox@.service").exists()

    @property
    def ansible(self) -> bool:
        """Whether Ansible has installed what is here."""
        return (self.root / "opt/sipbox/current").is_symlink()

    # ------------------------------------------------------------------------------------------- the server

    def ask(self, command: str, /, **args: Any) -> Any:
        """What the server answers; Unknown when it does not."""
        if self.status is None:
            raise Unknown("the server does not answer")
        try:
            return self._ask(command, **args)
        except ControlError as error:
            raise Unknown(f"the server does not say ({error.reason})", AS_ROOT) from error

    @cached_property
    def told(self) -> dict[str, Any] | str:
        """What the server says of itself, or why nobody can say it."""
        try:
            told: dict[str, Any] = self._ask("status")
        except ControlError as error:
            # Whoever may not open the sockets is shown the same on the status page.
            return self._status_page() or error.reason
        return told

    @property
    def status(self) -> dict[str, Any] | None:
        """The answer to ``status``; None when the server is down, or nobody lets us ask."""
        return self.told if isinstance(self.told, dict) else None

    def needs_status(self) -> dict[str, Any]:
        """The same; Unknown when there is none."""
        if self.status is None:
            raise Unknown("the server does not answer")
        return self.status

    @property
    def forbidden(self) -> bool:
        """Whether the server's sockets are closed to this user."""
        return any(_closed(Path(path)) for path in (self.settings.agent.socket, *self.settings.sip.controls))

    @property
    def pids(self) -> set[int]:
        """The server's processes."""
        told = self.status or {}
        return {pid for each in [told, *told.get("workers", [])] if (pid := each.get("pid"))}

    @cached_property
    def metrics(self) -> dict[str, list[Any]]:
        """Samples by the metric's name: (label values, number)."""
        return dict(self.ask("metrics")["snapshot"])

    def number(self, metric: str, *labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0 when there is none."""
        samples = self.metrics.get(metric, ())
        return sum(float(value) for found, value in samples if not labels or tuple(found) == labels)

    def numbers(self, metric: str) -> dict[str, float]:
        """A metric's samples by their first label."""
        return {str(labels[0]): float(value) for labels, value in self.metrics.get(metric, ()) if labels}

    def http(self, path: str) -> tuple[int, bytes]:
        """Status and body of a page of the agent; raises OSError."""
        agent = self.settings.agent
        return fetch(agent.http, path, tls=bool(agent.certificate))

    def _status_page(self) -> dict[str, Any] | None:
        if not self.forbidden or not self.settings.agent.http:
            return None
        try:
            told = json.loads(self.http("/status")[1])
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) and told.get("state") not in (None, "down") else None


def _closed(path: Path) -> bool:
    """Whether ``path`` is there, or may be, and this user may not use it."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK | os.W_OK)
