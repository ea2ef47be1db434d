"""One process that a test started: its output, its end, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Process:
    """A child with its output in a file. It is ended by its id, never by a name."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        input_pipe: bool = False,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.command = [str(part) for part in command]
        self.log_path = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if input_pipe else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=directory,
                pass_fds=descriptors,
                # A group of its own: a Ctrl-C at the terminal reaches the tests alone, and they clean up.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._child.poll()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def type(self, text: str) -> None:
        """Hand text to its standard input."""
        assert self._child.stdin is not None, "started without input_pipe"
        self._child.stdin.write(text.encode())
        self._child.stdin.flush()

    def wait(self, timeout: float) -> int:
        return self._child.wait(timeout)

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def kill9(self) -> None:
        """What a power cut is to a process: no handler runs."""
        self._child.kill()
        self._child.wait(10)

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM, and its exit code; AssertionError with the end of its log when it does not go."""
        self._child.terminate()
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(
                f"{self.command[0]} ({self.pid}) ignored SIGTERM for {timeout:g} s:\n{self.log[-4000:]}"
            ) from None

    def close(self) -> None:
        """Away with it and with whatever it started, however things stand."""
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it and all its children are gone already
        self._child.wait(10)
        if self._child.stdin is not None:
            self._child.stdin.close()
