"""Fetches the wheels of a lock file for another machine's Python: on the control machine, for the box.

    fetch_wheels.py --lock requirements.lock --python 3.11 --machine x86_64 --glibc 2.36 --cache DIR

Prints the path of a tar archive with all of them. What is in the cache already is not fetched again. Every
wheel is held against its hash in the lock, here and again on the box. When one cannot be had, one sentence on
standard error names it, and the exit code is 1. Needs nothing but Python's standard library and pip.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

#: The names that glibc 2.5, 2.12 and 2.17 had before they were written as numbers (PEP 600).
LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
#: The first glibc that there are wheels for, by machine.
FIRST = {"x86_64": 5, "aarch64": 17}
#: Markers of the lock that hold on every box, whatever the control machine is.
MARKERS = re.compile(
    r" ; (?:sys_platform|platform_python_implementation|implementation_name)[^\\\n]*(?= \\|$)", re.MULTILINE
)


def platforms(machine: str, glibc: str) -> list[str]:
    """Every platform tag that fits: pip takes a tag by its name, not by its age."""
    last = int(glibc.partition(".")[2])
    tags = []
    for minor in range(last, FIRST[machine] - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in LEGACY:
            tags.append(f"{LEGACY[minor]}_{machine}")
    return tags


def command(lock: Path, python: str, machine: str, glibc: str, to: Path) -> list[str]:
    """The call of pip."""
    asked = [option for tag in platforms(machine, glibc) for option in ("--platform", tag)]
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python),
        *("--abi", f"cp{python.replace('.', '')}", *asked, "--dest", str(to), "--requirement", str(lock)),
    ]


def refusal(output: str, where: str) -> str:
    """pip's complaint as one sentence."""
    missing = re.search(r"No matching distribution found for (\S+?)==(\S+)", output)
    if missing and not re.search(r"Connection|Temporary failure|timed out|Max retries", output):
        return (
            f"there is no wheel of {missing[1]} {missing[2]} for {where}: "
            "use a box of another architecture or release, or lock another version of it"
        )
    if "DO NOT MATCH THE HASHES" in output:
        broken = re.search(r"(\S+==\S+?)(?: from|:| )", output.partition("HASHES")[2])
        return (
            f"the wheel of {broken[1] if broken else 'a package'} is not the one in requirements.lock: "
            "somebody changed it on the way; do not go on before you know who"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = next(
        (line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no word"
    )
    if missing:
        told = f"the package index cannot be reached for {missing[1]} {missing[2]}"
    return f"the wheels for {where} cannot be fetched on the control machine: {told.removeprefix('ERROR: ')}"


def fetch(lock: Path, python: str, machine: str, glibc: str, cache: Path) -> Path:
    """The archive, fetched unless it is there. SystemExit with a sentence when it cannot be."""
    if machine not in FIRST:
        raise SystemExit(f"there are no wheels for {machine}: a box is {' or '.join(FIRST)}")
    if importlib.util.find_spec("pip") is None:
        raise SystemExit(
            f"{sys.executable} has no pip, which fetches the wheels: install python3-pip, or use a venv"
        )
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    archive = cache / f"cp{python.replace('.', '')}-{machine}-{glibc}-{digest}.tar"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two boxes of a kind are served by one download
        if not archive.exists():
            _make(archive, lock, python, machine, glibc)
    return archive


def _make(archive: Path, lock: Path, python: str, machine: str, glibc: str) -> None:
    place = Path(tempfile.mkdtemp(prefix="wheels-", dir=archive.parent))
    try:
        wanted = place / "requirements.lock"
        wanted.write_text(MARKERS.sub("", lock.read_text()))
        done = subprocess.run(
            command(wanted, python, machine, glibc, place / "wheels"),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            where = f"Python {python} on {machine} (glibc {glibc})"
            raise SystemExit(refusal(f"{done.stdout}\n{done.stderr}", where))
        with tarfile.open(place / "wheels.tar", "w") as packed:
            for wheel in sorted((place / "wheels").iterdir()):
                packed.add(wheel, arcname=wheel.name)
        (place / "wheels.tar").replace(archive)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fetches the wheels of a lock for a box.")
    for name in ("python", "machine", "glibc"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("lock", "cache"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    cache = arguments.cache.expanduser()
    print(fetch(arguments.lock, arguments.python, arguments.machine, arguments.glibc, cache))


if __name__ == "__main__":
    main()
