"""Benchmarks measure what boxes run: Debian's own Python, and the core as machine code.

    python -m benchmarks.side_by_side                      # so
    python -m benchmarks.side_by_side --program sources    # the core as it is written
    python -m benchmarks.side_by_side --python this        # with the Python that was typed

The compiled copy is made from the sources that lie here, once for each state of them (tests/harness/
compiled.py). Another Python than Debian's may be built without optimisation, which makes a difference of a
fifth; which one it is stands before the figures. Must not know what is measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import appliance
from tests.harness.compiled import CACHE, compiled_program
from tests.harness.sipbox import REPOSITORY, Sipbox

_DEBIAN = "/usr/bin/python3"


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--program`` and ``--python``."""
    parser.add_argument("--program", choices=("compiled", "sources"), default="compiled")
    parser.add_argument(
        "--python", choices=("debian", "this"), default="debian", help="Debian's own, where it fits"
    )


def begin(given: argparse.Namespace, *, within: bool = False) -> None:
    """What is started from now on runs as on a box. The first line says what that is.

    ``within``: what this process has imported, too. May begin the whole command again, so it is called first.
    """
    if given.python == "debian" and sys.base_prefix != "/usr" and _fits():
        _again(_environment(), {})
    Sipbox.program = compiled_program() if given.program == "compiled" else REPOSITORY
    if within and Path(appliance.__file__).resolve().parents[1] != Sipbox.program.resolve():
        places = os.pathsep.join((str(Sipbox.program), str(REPOSITORY)))
        _again(Path(sys.executable), {"PYTHONPATH": places, "PYTHONSAFEPATH": "1"})
    print(", ".join(f"{name} {value}" for name, value in described().items()), file=sys.stderr, flush=True)


def described() -> dict[str, str]:
    """The Python that runs, how it was built, and what the core is."""
    whose = "Debian's"
    if sys.base_prefix != "/usr":
        arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
        how = "with" if "--enable-optimizations" in arguments else "without"
        whose = f"{sys.base_prefix}, built {how} optimisations"
    compiled = any(Sipbox.program.glob("sipbox__mypyc*.so"))
    return {
        "Python": f"{platform.python_version()} ({whose})",
        "core": "compiled" if compiled else "as sources",
    }


def _fits() -> bool:
    """Whether the libraries that are installed here can be imported by Debian's."""
    if shutil.which(_DEBIAN) is None:
        return False
    asked = [_DEBIAN, "-c", "import sys; print(sys.implementation.cache_tag)"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    return told.stdout.strip() == sys.implementation.cache_tag


def _environment() -> Path:
    """The Python of an environment of Debian's with the libraries of this one."""
    place = CACHE.parent / "debian-python"
    python = place / "bin" / "python"
    libraries = sysconfig.get_path("purelib")
    names = place / "lib" / f"python{platform.python_version().rpartition('.')[0]}" / "site-packages"
    if not python.exists():
        subprocess.run([_DEBIAN, "-m", "venv", "--without-pip", str(place)], check=True)
    (names / "sipbox.pth").write_text(libraries + "\n")
    return python


def _again(python: Path, environment: dict[str, str]) -> None:
    """The command that was typed, in this process's place."""
    spec = sys.modules["__main__"].__spec__
    assert spec is not None, "started as python -m benchmarks.NAME"
    os.execve(python, [str(python), "-m", spec.name, *sys.argv[1:]], os.environ | environment)
