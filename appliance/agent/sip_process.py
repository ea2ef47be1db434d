"""The SIP process as the agent sees it: somebody at the control socket who answers, or does not.

Two seconds are promised to those who ask while the SIP process is down or hangs. What waits for the
database may take longer, and is asked only after the process has shown that it is alive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance import control

SECONDS = 1.5
STORAGE_SECONDS = 15.0


class SipProcess:
    """Asks the SIP process behind the control socket ``path``.

    Raises ``control.ServerDown`` when it is down, ``ControlError`` when it says no.
    """

    def __init__(self, path: str, *, seconds: float = SECONDS) -> None:
        self.path = path
        self._seconds = seconds

    def ask(self, command: str, /, **args: Any) -> Any:
        """The data of a command that is answered at once."""
        return control.call(self.path, command, timeout=self._seconds, **args)

    def ask_storage(self, command: str, /, **args: Any) -> Any:
        """The data of a command that may wait for the database."""
        self.ask("process")
        return control.call(self.path, command, timeout=STORAGE_SECONDS, **args)

    def stream(self, command: str, /, **args: Any) -> Iterator[Any]:
        """The items of a command that goes on."""
        return control.stream(self.path, command, timeout=self._seconds, **args)
