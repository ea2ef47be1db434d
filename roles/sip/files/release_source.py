"""What is installed on a box, and the name of its release: the program's source as it lies here.

    release_source.py --source DIR               prints the release: VERSION+DIGEST
    release_source.py --source DIR --to FILE     packs it into FILE (tar) as well

The digest is over every file that is packed, its name included, so the same version with other code is
another release. Two archives of the same files are the same bytes. Needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: What a release is made of; a folder with everything below it.
PARTS = (
    "appliance",
    "templates/phones",
    "docs",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements.lock",
    "requirements-compile.lock",
    "scripts/compile_core.py",
)
LEFT_OUT = {"__pycache__"}
#: What is compiled from the sources is no part of them.
LEFT_OUT_KINDS = {".pyc", ".so"}


def files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, sorted by name."""
    for part in sorted(PARTS):
        place = source / part
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in found:
            if file.is_file() and not LEFT_OUT & set(file.parts) and file.suffix not in LEFT_OUT_KINDS:
                yield file.relative_to(source).as_posix(), file.read_bytes()


def release_of(source: Path) -> str:
    """The name of the release."""
    version = re.search(r'(?m)^__version__ = "([^"]+)"$', (source / "appliance/__init__.py").read_text())
    if version is None:
        raise SystemExit(f"{source}/appliance/__init__.py says no version")
    digest = hashlib.sha256()
    for name, content in files(source):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"{version[1]}+{digest.hexdigest()[:8]}"


def pack(source: Path, target: Path) -> None:
    """Write the archive in one step; owners, times and modes are always the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in files(source):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    Path(stream.name).replace(target)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Names and packs what is installed on a box.")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    source = arguments.source.resolve()
    if arguments.to is not None:
        pack(source, arguments.to)
    print(release_of(source))


if __name__ == "__main__":
    main()
