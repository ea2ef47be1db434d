"""The FIFO in the file system: made when it is missing, refused when something else stands there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from appliance.errors import SettingsError


class FifoFile:
    """A FIFO at ``path`` with ``mode``, open for reading as ``descriptor`` (-1 while it is not)."""

    def __init__(self, path: str, mode: int) -> None:
        self.descriptor = -1
        self._path = Path(path)
        self._mode = mode

    def __str__(self) -> str:
        return str(self._path)

    def open(self) -> None:
        """Make it if need be and open it, in place of the one that was open before.

        Raises OSError, and SettingsError when something else stands there; then nothing has changed.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.mkfifo(self._path, self._mode)
        except FileExistsError:
            if not stat.S_ISFIFO(self._path.lstat().st_mode):
                problem = f"{self} exists and is no FIFO: remove it, or choose another path"
                raise SettingsError(problem, path="agent.fifo") from None
        # Open for writing too: with one writer always there, the end of a client is no end of the file.
        descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not self._is(descriptor):
                raise OSError(errno.EEXIST, "exchanged while it was opened")
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != self._mode:
                os.fchmod(descriptor, self._mode)
        except BaseException:
            os.close(descriptor)
            raise
        previous, self.descriptor = self.descriptor, descriptor
        if previous >= 0:
            os.close(previous)

    def is_ours(self) -> bool:
        """Whether what is open is still what clients find under the path."""
        return self._is(self.descriptor)

    def remove(self) -> None:
        """Close it and take it away, unless something else stands there by now."""
        if self.descriptor >= 0:
            if self.is_ours():
                self._path.unlink()
            os.close(self.descriptor)
            self.descriptor = -1

    def _is(self, descriptor: int) -> bool:
        try:
            named = self._path.lstat()
        except FileNotFoundError:
            return False
        opened = os.fstat(descriptor)
        return stat.S_ISFIFO(opened.st_mode) and (named.st_dev, named.st_ino) == (
            opened.st_dev,
            opened.st_ino,
        )
