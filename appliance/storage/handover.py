"""What one process leaves to the next: one file in the state directory, read once and gone.

It is of use within minutes or never, so it is not flushed to the disk: over a power cut it may be missing. A
file that cannot be written or read costs one line in the journal. Must not know what is in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_LARGEST = 256 * 1024 * 1024


class Handover:
    """The file; ``say(level, message)`` is told what did not work."""

    def __init__(self, file: Path, say: Callable[[str, str], None]) -> None:
        self.file = file
        self._say = say

    def leave(self, data: bytes) -> None:
        """Keeps it for the next process, for its own user alone; empty data is not kept."""
        if not data:
            return
        unfinished = self.file.with_suffix(".new")
        try:
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            unfinished.replace(self.file)
        except OSError as error:
            self._say("warning", f"calls that ring are not kept over the restart: {self._why(error)}")

    def take(self) -> bytes:
        """What was left, and nobody finds it again; empty when there is nothing."""
        try:
            with self.file.open("rb") as file:
                self.file.unlink()
                if os.fstat(file.fileno()).st_size > _LARGEST:
                    raise OSError(None, "it is too large")
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._say("warning", f"the calls that were under way are not taken up: {self._why(error)}")
            return b""

    def _why(self, error: OSError) -> str:
        return f"{self.file}: {error.strerror}"
