"""What nodes of the tests share that are neighbours of one another."""

from __future__ import annotations

from pathlib import Path


def neighbours_key(directory: Path) -> Path:
    """A file with the key of the neighbours, which nobody else may read."""
    path = directory / "neighbours.key"
    path.write_text("0123456789abcdef" * 4)
    path.chmod(0o600)
    return path
