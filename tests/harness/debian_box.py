"""A fresh Debian in a directory, entered with systemd-nspawn: nothing on it but what Debian calls minimal.

::

    with DebianBox("bookworm") as box:
        box.run(["apt-get", "install", "-y", "python3-venv"])
        box.run(["./run", "--help"], user="newcomer", directory="/home/newcomer/sipbox")

It shares the network of this machine (loopback too), and trusts the certificates that this machine trusts.
The first box of a release is made by debootstrap (about a minute) and kept under ``.cache``; each test gets a
copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.harness.process import Process

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SIPBOX_TEST_CACHE", REPOSITORY / ".cache")) / "boxes"
CERTIFICATES = Path("/usr/local/share/ca-certificates")
NEWCOMER = "newcomer"

#: systemd-nspawn says this at the end where /run is not on a tmpfs; it is no word of the command inside.
NOISE = "Attempted to remove disk file system"


def base(release: str) -> Path:
    """The directory of a fresh release with a newcomer's home, made once."""
    return base_image(
        release,
        release,
        ("ca-certificates",),
        (("useradd", "--create-home", "--shell", "/bin/bash", NEWCOMER),),
    )


def base_image(
    name: str, release: str, packages: Sequence[str], commands: Sequence[Sequence[str]] = ()
) -> Path:
    """The directory ``name`` with a minimal ``release`` and ``packages``, made once and kept.

    ``commands`` run in it (chroot) at the end. It trusts the certificates that this machine trusts.
    """
    root = CACHE / name
    if root.exists():
        return root
    assert os.geteuid() == 0, "debootstrap and systemd-nspawn work as root only"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        # Two runs of the tests may want it at once: the second waits for the first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        making = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
        try:
            check(["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", release, making])
            # Downloaded packages and lists would be copied into each box for nothing.
            check(["chroot", making, "apt-get", "clean"])
            if CERTIFICATES.is_dir():
                shutil.copytree(CERTIFICATES, making / CERTIFICATES.relative_to("/"), dirs_exist_ok=True)
                check(["chroot", making, "update-ca-certificates"])
            for command in commands:
                check(["chroot", making, *command])
            making.chmod(0o755)
            making.rename(root)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return root


def check(command: Sequence[str | Path]) -> str:
    """Run a command of this machine and return its output; AssertionError with it when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}"
    return done.stdout


class DebianBox:
    """One box of that release; what happens in it is forgotten when it is closed."""

    def __init__(self, release: str) -> None:
        self.release = release
        # Beside the base: a copy on the same file system may share its blocks.
        source = base(release)
        self.root = Path(tempfile.mkdtemp(prefix="box-", dir=CACHE))
        self._processes: list[Process] = []
        check(["cp", "--archive", "--reflink=auto", f"{source}/.", self.root])
        # What Debian's installer writes, and debootstrap does not always.
        (self.root / "etc" / "hosts").write_text(f"127.0.0.1 localhost {self.root.name}\n::1 localhost\n")

    def clone_repository(self) -> str:
        """A clone of this repository in the newcomer's home, as somebody gets it who clones it today."""
        place = f"/home/{NEWCOMER}/sipbox"
        check(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, f"{self.root}{place}"])
        check(["chroot", self.root, "chown", "-R", f"{NEWCOMER}:{NEWCOMER}", place])
        return place

    def command(
        self, command: Sequence[str], *, user: str = "root", directory: str = "/", **environment: str
    ) -> list[str]:
        """What runs ``command`` in the box, for a process of this machine."""
        settings = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        if CERTIFICATES.is_dir():
            settings["PIP_CERT"] = "/etc/ssl/certs/ca-certificates.crt"
        return [
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--console=pipe"),
            *("--resolv-conf=copy-host", "--timezone=off", f"--directory={self.root}"),
            *(f"--user={user}", f"--chdir={directory}"),
            *(f"--setenv={name}={value}" for name, value in settings.items()),
            *command,
        ]

    def run(
        self,
        command: Sequence[str],
        *,
        user: str = "root",
        directory: str = "/",
        check: bool = True,
        timeout: float = 600.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; AssertionError when it fails, unless not ``check``."""
        done = subprocess.run(
            self.command(command, user=user, directory=directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        done.stderr = "".join(line for line in done.stderr.splitlines(True) if not line.startswith(NOISE))
        assert not check or done.returncode == 0, (
            f"{' '.join(command)} in {self.release}: exit {done.returncode}\n"
            f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done

    def start(self, command: Sequence[str], *, user: str = "root", directory: str = "/") -> Process:
        """Start a command that goes on; it ends with the box at the latest."""
        log = self.root / f"output-{len(self._processes)}.log"
        process = Process(self.command(command, user=user, directory=directory), log=log)
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def innermost(process: Process) -> int:
    """The process id, on this machine, of the command itself: the last of the line below systemd-nspawn."""
    pid = process.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[-1])
    return pid


def press_ctrl_c(process: Process) -> None:
    """SIGINT to the command in the box, as the terminal sends it."""
    os.kill(innermost(process), signal.SIGINT)
