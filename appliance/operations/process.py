"""The process: since when it runs, where, with which arguments, and how it is ended."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from appliance import __version__
from appliance.operations.box import Box
from appliance.telemetry.journal import event

# Name, version and machine in the form that OpenSER's tools take apart.
SERVER = f"sipbox ({__version__} ({platform.machine()}/{platform.system().lower()}))"


class Process:
    """``uptime version pwd arg ps kill`` of OpenSER's FIFO, and what else concerns the process as a whole."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def describe(self) -> dict[str, Any]:
        """``now`` and ``started`` are seconds since the epoch."""
        box = self._box
        return {
            "server": SERVER,
            "version": __version__,
            "pid": os.getpid(),
            "now": box.wall(),
            "started": box.started,
            "directory": str(Path.cwd()),
            "arguments": list(box.arguments),
        }

    def processes(self) -> list[dict[str, Any]]:
        """The processes of the server, the agent not among them."""
        return [{"pid": os.getpid(), "type": f"SIP server @ {' '.join(self._box.addresses)}"}]

    def workers(self) -> dict[str, Any]:
        """Which one this is, and which of all live, as far as it knows."""
        return {"worker": self._box.worker, "living": self._box.living()}

    def outdated(self) -> list[int]:
        """This worker's number, if the file of the settings says something else by now than it works with."""
        return [self._box.worker] if self._box.outdated() else []

    def failed_destinations(self) -> list[dict[str, Any]]:
        """The addresses at which nobody has answered a moment ago, and how long others come before them."""
        return [
            {**each._asdict(), "seconds": round(each.seconds)} for each in self._box.failed_destinations()
        ]

    def kill(self) -> None:
        """End the server as SIGTERM does: what was begun is finished."""
        event("command", "kill: the server was told to end", command="kill")
        self._box.shutdown()

    def reload(self) -> None:
        """Read everything again that can be read again while running."""
        self._box.reload()
        event("command", "reload", command="reload")

    def forget(self, table: str, keys: list[Any]) -> None:
        """Rows of ``table`` were changed: what is kept of them in memory is read again."""
        self._box.forget(table, keys)
