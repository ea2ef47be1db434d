"""Who may look at the status page: everybody on this machine, and from elsewhere whoever knows the password.

Metrics, health and readiness tell nobody's name, and are for machines that the firewall lets in. The password
is systemd's credential ``page.password``, else it stands in a file; the user's name does not matter. Must not
know what is shown.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from appliance.agent.throttle import Throttle
from appliance.config.listener import split_address
from appliance.errors import SettingsError

CREDENTIAL = "page.password"
#: Wrong passwords of one address; more are not even looked at.
TRIES_PER_MINUTE = 10
SHORTEST = 8

Verdict = Literal["open", "password", "closed", "throttled"]


class Door:
    """``password`` is None where none is set: then nobody gets in who has to have one. ``local``: only this
    machine reaches the page, so nobody has to."""

    def __init__(
        self, password: bytes | None, *, local: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._password = password
        self._local = local
        self._clock = clock
        self._throttle = Throttle(TRIES_PER_MINUTE)

    def ask(self, address: str, said: str | None) -> Verdict:
        """What to do with somebody at ``address`` who ``said`` this password: ``open``, ask for the
        ``password``, ``closed`` for good, or ``throttled`` for a while."""
        if self._password is None:
            return "open" if self._local else "closed"
        if said is None:
            return "password"
        now = self._clock()
        if self._throttle.wait(address, now) > 0:
            return "throttled"
        if hmac.compare_digest(said.encode(), self._password):
            return "open"
        self._throttle.charge(address, now, 1)
        return "password"


def open_door(password_file: str, http: str, environment: Mapping[str, str] = os.environ) -> Door:
    """The door of the page at ``http`` (HOST:PORT). Raises SettingsError when the password cannot be had."""
    host, _ = split_address(http)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    handed = Path(credentials) / CREDENTIAL if credentials else None
    if handed is not None and handed.exists():
        password_file = str(handed)
    return Door(_password(password_file) if password_file else None, local=_is_local(host))


def _password(file: str) -> bytes | None:
    try:
        text = Path(file).read_bytes().strip()
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or error}"
        raise SettingsError(problem, path="agent.password_file") from error
    if not text:
        return None
    if len(text) < SHORTEST:
        problem = f"the password in {file} has less than {SHORTEST} characters"
        raise SettingsError(problem, path="agent.password_file")
    return text


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
