"""The socket in the file system: a dead process's file is replaced, anything else is left alone.

Who may connect is decided by the file system alone: the socket is for its owner and group.
"""

from __future__ import annotations

import stat
from pathlib import Path

from gevent.socket import AF_UNIX, SOCK_STREAM, socket

from appliance.errors import SettingsError

MODE = 0o660


class SocketFile:
    """A listening unix socket at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket | None = None
        self._inode = (0, 0)

    def listen(self, backlog: int) -> None:
        """Bind and listen. Raises SettingsError, in words for whoever starts the process."""
        listener = socket(AF_UNIX, SOCK_STREAM)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._clear()
            listener.bind(str(self._path))
            # Nobody can connect before listen(), so the mode is right for the first peer already.
            self._path.chmod(MODE)
            listener.listen(backlog)
            found = self._path.lstat()
        except OSError as error:
            listener.close()
            problem = f"the socket {self._path} cannot be made: {error.strerror or error}"
            raise SettingsError(problem) from error
        except SettingsError:
            listener.close()
            raise
        self._inode = (found.st_dev, found.st_ino)
        self._listener = listener

    def accept(self) -> socket:
        """The next peer; waits for it. Raises OSError."""
        assert self._listener is not None, "not listening"  # noqa: S101
        return self._listener.accept()[0]

    def remove(self) -> None:
        """Listen no more and take the file away, unless another process has replaced it."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if (found.st_dev, found.st_ino) == self._inode:
            self._path.unlink()

    def _clear(self) -> None:
        """Make room: remove a dead process's file, refuse anything else."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise SettingsError(f"{self._path} exists and is no socket: remove it, or choose another path")
        with socket(AF_UNIX, SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self._path))
            except (ConnectionRefusedError, FileNotFoundError):
                self._path.unlink(missing_ok=True)
            except OSError as error:
                raise SettingsError(f"{self._path} is in use and cannot be asked: {error}") from error
            else:
                raise SettingsError(f"another process answers at {self._path}: stop it, or use another path")
