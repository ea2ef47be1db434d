"""A program of the machine that is run for so long, and no longer.

What hangs (a disk that is gone, a daemon that answers nobody) must not make those hang who ask. So a program
whose time is over is killed with all that it has begun, and nobody waits for what cannot even be killed:
``subprocess.run`` would. Must not know what the program is for.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

#: How long a killed program may take to be gone.
_GONE_SECONDS = 1.0


class Ran(NamedTuple):
    """How it ended, what it has printed, and what it has said on standard error."""

    code: int
    printed: str
    said: str


def run(command: Sequence[str], seconds: float) -> Ran:
    """Run it, with nothing to read. Raises OSError when it cannot be run, TimeoutError (which is one) when it
    has not ended after ``seconds``."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise TimeoutError(f"{Path(command[0]).name} has not ended after {seconds:.0f} s") from None
    except BaseException:
        _kill(process)
        raise
    return Ran(process.returncode, _text(printed), _text(said))


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended in this moment
    try:
        process.communicate(timeout=_GONE_SECONDS)
    except (subprocess.TimeoutExpired, ValueError):
        pass  # the kernel holds it


def _text(told: bytes) -> str:
    return told.decode("utf-8", "replace")
