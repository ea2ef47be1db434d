"""The certificate that a cluster's members show, as the roles make it of the cluster's key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.harness.debian_box import REPOSITORY

SCRIPT = REPOSITORY / "roles/database/files/member_certificate.py"


def member_certificate(key: str) -> dict[str, str]:
    """Its ``certificate`` and its ``key``, both PEM."""
    done = subprocess.run(
        [sys.executable, SCRIPT], input=f"{key}\n", capture_output=True, text=True, check=True
    )
    made: dict[str, str] = json.loads(done.stdout)
    return made


def written(place: Path, key: str) -> Path:
    """The folder ``place``, with certificate.pem and key.pem."""
    place.mkdir()
    for name, text in member_certificate(key).items():
        (place / f"{name}.pem").write_text(text)
    return place
