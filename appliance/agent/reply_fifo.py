"""Where replies go: FIFOs that the clients make, in one directory.

The agent has other rights than its clients, and the directory is theirs too. So a reply's name is a bare
one, it is opened inside the directory and without following a link, and what was opened must be a FIFO with
one name only that still stands under it. A client that has not opened its end yet is waited for a little;
one that does not read is left behind. No wait here holds up anything but the reply itself.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import gevent
from gevent.monkey import get_original
from gevent.os import nb_write

from appliance.agent.mi_request import FORBIDDEN_IN_NAME

RETRIES = 4
RETRY_SECONDS = 0.08
PATH_BYTES = 128
STALLED_SECONDS = 2.0
MODE = 0o1770

# gevent's os.close leaves the closing to the loop's next turn, which may be seconds away, and the client
# waits for the end of its reply. Nothing of the loop's watches our descriptors when they are closed.
_close = get_original("os", "close")


class ReplyRefused(Exception):
    """The reply FIFO cannot be used; the text says why, for the log."""


class ReplyDirectory:
    """The directory of the reply FIFOs."""

    def __init__(self, path: str, *, stalled_seconds: float = STALLED_SECONDS) -> None:
        self.path = Path(path)
        self._stalled_seconds = stalled_seconds
        # OpenSER's limit for directory and name together; a deep directory leaves room for a name all the
        # same.
        self._name_bytes = max(PATH_BYTES - len(os.fsencode(path.rstrip("/") + "/")), 64)

    def prepare(self) -> None:
        """Make the directory, sticky and for owner and group, when it is not there."""
        if not self.path.is_dir():
            self.path.mkdir(parents=True)
            self.path.chmod(MODE)

    def waits(self, name: str) -> bool:
        """Whether a FIFO of that name stands in the directory."""
        if not self._is_bare(name):
            return False
        try:
            return stat.S_ISFIFO(self.path.joinpath(name).lstat().st_mode)
        except OSError:
            return False

    def open(self, name: str) -> int:
        """The reply FIFO's descriptor, open for writing and non-blocking.

        Waits four times 80 ms for the reader. Raises ``ReplyRefused``.
        """
        if not self._is_bare(name):
            raise ReplyRefused(f"reply name {name!r} refused")
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            descriptor = self._open_when_read(directory, name)
            try:
                self._examine(directory, name, descriptor)
            except BaseException:
                _close(descriptor)
                raise
        except OSError as error:
            raise ReplyRefused(f"{self.path / name}: {error.strerror}") from error
        finally:
            _close(directory)
        return descriptor

    def write(self, descriptor: int, text: str) -> None:
        """Write the whole text. Raises ``ReplyRefused`` when the client goes away or does not read."""
        data = memoryview(text.encode("utf-8", "surrogateescape"))
        try:
            while data:
                with gevent.Timeout(self._stalled_seconds):
                    data = data[nb_write(descriptor, data) :]
        except gevent.Timeout:
            raise ReplyRefused("the client does not read its reply") from None
        except OSError as error:
            raise ReplyRefused(f"the client went away: {error.strerror}") from error

    def send(self, name: str, text: str) -> None:
        """Open, write and close. Raises ``ReplyRefused``."""
        descriptor = self.open(name)
        try:
            self.write(descriptor, text)
        finally:
            self.close(descriptor)

    def close(self, descriptor: int) -> None:
        """The end of the reply."""
        _close(descriptor)

    def _is_bare(self, name: str) -> bool:
        return (
            bool(name) and not FORBIDDEN_IN_NAME.intersection(name) and len(_bytes(name)) <= self._name_bytes
        )

    def _open_when_read(self, directory: int, name: str) -> int:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        for attempt in range(RETRIES + 1):
            try:
                return os.open(_bytes(name), flags, dir_fd=directory)
            except OSError as error:
                if error.errno != errno.ENXIO or attempt == RETRIES:
                    raise
            gevent.sleep(RETRY_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    def _examine(self, directory: int, name: str, descriptor: int) -> None:
        opened = os.fstat(descriptor)
        if not stat.S_ISFIFO(opened.st_mode):
            raise ReplyRefused(f"{self.path / name} is no FIFO")
        if opened.st_nlink != 1:
            raise ReplyRefused(f"{self.path / name} has {opened.st_nlink} names")
        named = os.stat(_bytes(name), dir_fd=directory, follow_symlinks=False)
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino):
            raise ReplyRefused(f"{self.path / name} was exchanged while it was opened")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
