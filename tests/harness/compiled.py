"""The program as a box has it: a copy in which the rooms that every message passes are machine code.

Compiled once for each state of the sources (scripts/compile_core.py) and kept under .cache; needs gcc and
Python's headers. Knows nothing of what is done with the copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.harness.sipbox import REPOSITORY

CACHE = Path(os.environ.get("SIPBOX_TEST_CACHE") or REPOSITORY / ".cache") / "compiled"
_SCRIPT = REPOSITORY / "scripts/compile_core.py"
_KEPT = 4


def compiled_program() -> Path:
    """The folder around the compiled ``appliance``, with the templates beside it."""
    place = CACHE / _digest()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            _make(place)
    return place


def _digest() -> str:
    digest = hashlib.sha256(f"{sys.version}\n{sys.implementation.cache_tag}".encode())
    for file in [_SCRIPT, *sorted((REPOSITORY / "appliance").rglob("*.py"))]:
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _make(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    for old in sorted(CACHE.glob("*/complete"), key=lambda mark: mark.stat().st_mtime)[: -(_KEPT - 1)]:
        shutil.rmtree(old.parent)
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    for folder in ("appliance", "templates"):
        shutil.copytree(REPOSITORY / folder, place / folder, ignore=ignored)
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(place / "appliance")], capture_output=True, text=True
    )
    assert done.returncode == 0, (
        f"the core could not be compiled:\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
    )
    (place / "complete").touch()
