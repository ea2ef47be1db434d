"""The file system of a booted box: its own changes above layers that it shares with other boxes.

With overlayfs that takes no time and no space. It is mounted in the mount namespace of systemd-nspawn, so it
goes when the box goes. Where the machine has no overlayfs, the layers are copied.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.harness.debian_box import CACHE, check


@functools.cache
def _overlay_works() -> bool:
    place = Path(tempfile.mkdtemp(prefix="overlay-", dir=CACHE))
    try:
        for name in ("lower", "upper", "work", "root"):
            (place / name).mkdir()
        options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work,volatile"
        mount = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, f"{place}/root"]
        return subprocess.run(mount, capture_output=True, check=False).returncode == 0
    finally:
        shutil.rmtree(place, ignore_errors=True)


class BoxDisk:
    """``layers`` from the uppermost to the lowest, and above them what this box changes."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._lower = list(layers)
        # Beside the layers: overlayfs asks for one file system, and a copy may share its blocks.
        self.place = Path(tempfile.mkdtemp(prefix="booted-", dir=CACHE))
        self.place.chmod(0o755)
        self.root = self.place / "root"
        self._changes = self.place / "changes"
        for directory in (self.root, self._changes, self.place / "work"):
            directory.mkdir()
        if not _overlay_works():
            check(["cp", "--archive", "--reflink=auto", f"{self._lower[0]}/.", self.root])
            self._changes = self.root

    @property
    def layers(self) -> list[Path]:
        """The layers of a box that begins where this one stands now (it is powered off)."""
        return [self.root] if self._changes == self.root else [self._changes, *self._lower]

    @property
    def mount(self) -> str:
        """A shell command that mounts it on ``root``."""
        if self._changes == self.root:
            return "true"
        lower = ":".join(map(str, self._lower))
        work = self.place / "work"
        # A box's power fails, never that of the machine it is on: nothing has to be on the real disk. The
        # kernel leaves a mark so that nobody trusts such a disk after a crash of the machine.
        options = f"lowerdir={lower},upperdir={self._changes},workdir={work},volatile"
        return f"rm -rf '{work}/work/incompat'; mount -t overlay overlay -o '{options}' '{self.root}'"

    def read(self, path: str) -> str:
        """A file of the box, from the uppermost layer that has it; the box is powered off."""
        for layer in self.layers:
            if (layer / path).exists():
                return (layer / path).read_text()
        raise FileNotFoundError(path)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file of the box while it is powered off; ``path`` is relative."""
        self._directory(Path(path).parent)
        file = self._changes / path
        file.unlink(missing_ok=True)  # it may be a link that leads out of the box
        file.write_text(text)
        file.chmod(mode)

    def _directory(self, path: Path) -> None:
        """A directory above the layers hides the mode of the one below: it takes it over."""
        if (self._changes / path).is_dir():
            return
        self._directory(path.parent)
        (self._changes / path).mkdir()
        for layer in self._lower:
            if (layer / path).is_dir():
                shutil.copystat(layer / path, self._changes / path)
                below = (layer / path).stat()
                os.chown(self._changes / path, below.st_uid, below.st_gid)
                break

    def close(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
