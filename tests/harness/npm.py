"""What the tests of browsers need from npm, by its lock file: installed once, beside the boxes."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from pathlib import Path

from tests.harness.debian_box import CACHE

WANTED = Path(__file__).resolve().parents[1] / "browser"


def packages() -> Path:
    """The directory that has ``node_modules``."""
    lock = (WANTED / "package-lock.json").read_bytes()
    state = hashlib.sha256(lock).hexdigest()
    place = CACHE.parent / f"npm-{state[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        stamp = place / "stamp"
        if not stamp.exists():
            for name in ("package.json", "package-lock.json"):
                (place / name).write_bytes((WANTED / name).read_bytes())
            command = ["npm", "ci", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=place, check=True, capture_output=True)
            stamp.touch()
    return place
