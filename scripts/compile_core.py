"""Makes machine code of what every message passes through, with mypyc, from the sources as they are.

    compile_core.py PACKAGE [--python PYTHON] [--archive FILE]

PACKAGE is the folder ``appliance``, of an installed program or of a copy. The extension modules are put
beside the sources, which stay: Python takes an extension first, and without the files ``*.so`` the program
is the same, and slower. ``--python`` is the program's own, which knows the types of its libraries, where
another one compiles. ``--archive`` packs what was made, by names that begin at the folder around PACKAGE.

Needs mypy and setuptools (requirements-compile.lock), a C compiler and Python's headers. Decides what is
compiled; must not know what it does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

#: Whole rooms and single files that a message passes on its way from socket to socket or to the database.
CORE = (
    *("sip", "auth", "protection", "registrar", "transaction", "proxy"),
    *("transport", "network.py", "memory.py"),
    *(f"telemetry/{name}.py" for name in ("counter", "events", "journal", "repeats")),
    *(f"telemetry/{name}.py" for name in ("trace", "trace_format")),
    *(f"storage/{name}.py" for name in ("alarm", "directory", "group_commit", "location_writes")),
    "storage/short_way.py",
)
#: What is written down for the next process stays as it is: msgspec reads the annotations of its classes,
#: which machine code has not. TLS is at home in C already, and its classes are heirs of Python's own.
AS_IT_IS = {
    *("auth/nonce_memory.py", "proxy/target.py", "proxy/forking/unfinished.py"),
    *("transport/certificates.py", "transport/tls.py", "transport/tls_contexts.py"),
}
#: What all of them share is in one library with this name, beside PACKAGE.
GROUP = "sipbox"
#: Types of libraries are of no matter here: whoever changes the program checks them.
OPTIONS = ("--ignore-missing-imports", "--no-warn-unused-ignores", "--allow-subclassing-any")


def sources(package: Path) -> list[str]:
    """The files that are compiled, relative to the folder around ``package``."""
    found: list[Path] = []
    for part in CORE:
        place = package / part
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [
        file.relative_to(package.parent).as_posix()
        for file in found
        if file.relative_to(package).as_posix() not in AS_IT_IS
    ]


def made(package: Path) -> list[Path]:
    """The extension modules that lie beside the sources."""
    return sorted([*package.parent.glob(f"{GROUP}__mypyc*.so"), *package.rglob("*.so")])


def build(package: Path, python: str = sys.executable) -> list[Path]:
    """Compile, and return what was made. SystemExit when mypyc does not understand a source."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    with tempfile.TemporaryDirectory(prefix="sipbox-core-") as place:
        # A copy apart: beside an installed program lie libraries that mypy would take for a part of it.
        copy = Path(place) / "source" / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        os.chdir(copy.parent)
        extensions = mypycify(
            [*OPTIONS, "--python-executable", python, "--cache-dir", f"{place}/types", *sources(copy)],
            group_name=GROUP,
            opt_level="2",
            debug_level="0",
            multi_file=True,
            target_dir=place,
        )
        command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
        command.inplace = True
        command.build_temp = command.build_lib = place
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()
        for old in made(package):
            old.unlink()
        for module in made(copy):
            shutil.copy(module, package.parent / module.relative_to(copy.parent))
        os.chdir(package.parent)
    return made(package)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compiles the rooms that every message passes.")
    parser.add_argument("package", type=Path, metavar="PACKAGE")
    parser.add_argument("--python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--archive", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    package = arguments.package.resolve()
    archive = arguments.archive.resolve() if arguments.archive else None
    if not (package / "__init__.py").is_file():
        sys.exit(f"{package} is no package: name the folder appliance")
    modules = build(package, arguments.python)
    if archive is not None:
        with tarfile.open(archive, "w:gz") as packed:
            for module in modules:
                packed.add(module, arcname=module.relative_to(package.parent).as_posix())
    print(f"{len(modules)} modules")


if __name__ == "__main__":
    main()
