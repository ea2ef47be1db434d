"""A Debian that has booted: systemd, an address of its own, SSH, and real reboots.

::

    with BoxNetwork() as network, BootedBox("bookworm", network) as box:
        box.ssh("systemctl is-system-running").stdout
        box.reboot()

It is as bare as Debian's minimal system with SSH for root (no Python). Downloaded packages are kept under
``.cache`` for the next box of that release.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.harness.box_disk import BoxDisk
from tests.harness.box_network import BoxNetwork
from tests.harness.debian_box import CACHE, base_image, check
from tests.harness.process import Process
from tests.harness.waiting import wait_until

PACKAGES = ("ca-certificates", "dbus", "iproute2", "netbase", "openssh-server", "systemd", "systemd-sysv")
COMMANDS = (("systemctl", "enable", "systemd-networkd"),)
STOPPED = "the box is powered off"


def bare(release: str) -> Path:
    """The directory of a bare release that boots, made once."""
    what = hashlib.sha256(repr((PACKAGES, COMMANDS)).encode()).hexdigest()[:8]
    return base_image(f"{release}-boots-{what}", release, PACKAGES, COMMANDS)


class BootedBox:
    """A box on ``network``; ``layers``, ``number`` and ``hostname`` are those of a snapshot."""

    def __init__(
        self,
        release: str,
        network: BoxNetwork,
        *,
        hostname: str = "pbx",
        layers: Sequence[Path] | None = None,
        number: int | None = None,
    ) -> None:
        self.release = release
        self.network = network
        self.hostname = hostname
        self.number = network.next_number() if number is None else number
        self.address = str(network.net[self.number])
        self.address6 = str(network.net6[self.number])
        # Its link address is made of the name, so no two boxes on a bridge may share it.
        self._machine = f"{network.name}-{self.number}-{secrets.token_hex(2)}"
        self.disk = BoxDisk(layers or [bare(release)])
        self._process: Process | None = None
        self._links: set[str] = set()
        try:
            self._write_settings()
            self._lend_packages()
            self.poweron()
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------------------------------------ set-up

    def _write_settings(self) -> None:
        network, write = self.network, self.disk.write
        write("etc/hostname", f"{self.hostname}\n")
        write("etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{self.address} {self.hostname}\n")
        write("etc/resolv.conf", _resolvers())
        write(
            "etc/systemd/network/10-tests.network",
            f"[Match]\nName=host0\n[Network]\nAddress={self.address}/24\nAddress={self.address6}/64\n"
            f"Gateway={network.address}\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\n",
        )
        suites = (("debian", ""), ("debian", "-updates"), ("debian-security", "-security"))
        # The mirror that the release was made from.
        mirror = self.disk.read("etc/apt/sources.list").split()[1].rstrip("/").removesuffix("/debian")
        sources = "".join(f"deb {mirror}/{place} {self.release}{suite} main\n" for place, suite in suites)
        write("etc/apt/sources.list", sources)
        write("etc/apt/apt.conf.d/90tests", _apt_settings())
        write("root/.ssh/authorized_keys", network.key.with_suffix(".pub").read_text(), mode=0o600)
        # A process of a box that grows without end fails there, and does not bring this machine to a stop.
        write("etc/systemd/system.conf.d/tests.conf", "[Manager]\nDefaultLimitDATA=4G\n")
        self._trust(self.disk.read("etc/ssh/ssh_host_ed25519_key.pub"))

    def _trust(self, host_key: str) -> None:
        kind, key = host_key.split()[:2]
        known = f"{self.address},{self.address6} {kind} {key}\n"
        if known not in self.network.known_hosts.read_text():
            with self.network.known_hosts.open("a") as file:
                file.write(known)

    @property
    def _kept_packages(self) -> Path:
        return CACHE.parent / f"apt-{self.release}"

    def _lend_packages(self) -> None:
        """Links, so that two boxes never quarrel about apt's lock."""
        self._packages = self.disk.place / "archives"
        self._kept_packages.mkdir(parents=True, exist_ok=True)
        self._packages.mkdir()
        for package in self._kept_packages.glob("*.deb"):
            os.link(package, self._packages / package.name)

    def _keep_packages(self) -> None:
        for package in self._packages.glob("*.deb"):
            try:
                os.link(package, self._kept_packages / package.name)
            except FileExistsError:
                pass  # it came from there, or another box was faster

    # ---------------------------------------------------------------------------------------------- its power

    def poweron(self) -> None:
        """Boot, and wait until systemd is done and SSH answers."""
        assert self._process is None, "the box runs already"
        before = self._ports()
        nspawn = [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
            *("--console=read-only", f"--directory={self.disk.root}", f"-M{self._machine}"),
            *(f"--hostname={self.hostname}", f"--network-bridge={self.network.name}", "--resolv-conf=off"),
            *("--timezone=off", "--link-journal=no", f"--bind={self._packages}:/var/cache/apt/archives"),
        ]
        # Boxes in one control group would take each other's services for their own.
        # Exit status 133 is systemd-nspawn's for a box that wants to be started again: a reboot.
        script = (
            "for tree in /sys/fs/cgroup/unified /sys/fs/cgroup; do [ -e $tree/cgroup.procs ] && break; done\n"
            f"mkdir $tree/{self._machine} && echo $$ >$tree/{self._machine}/cgroup.procs || exit\n"
            f"{self.disk.mount} || exit\n"
            'while :; do "$@"; status=$?; [ $status = 133 ] || exit $status; done\n'
        )
        self._process = Process(
            # A process namespace: it ends with the tests, however these end.
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork"),
                *("--kill-child", "sh", "-c", script, "sh", *nspawn),
            ],
            log=self.disk.place / "console.log",
            environment={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
        self._wait_until_up()
        self._links = self._ports() - before

    def _ports(self) -> set[str]:
        """The interfaces of this machine that lead to boxes of the network."""
        return {port.name for port in Path(f"/sys/class/net/{self.network.name}/brif").iterdir()}

    def _wait_until_up(self, *, after: str = "") -> None:
        """Wait for the end of a boot; not of the one with the id ``after``."""

        def up() -> bool:
            assert self._process is not None, STOPPED
            assert self._process.running, f"{self.release} does not boot:\n{self.console}"
            if not _listens(self.address, 22):
                return False
            done = self.ssh("cat /proc/sys/kernel/random/boot_id; systemctl is-system-running", check=False)
            said = done.stdout.split()
            return len(said) == 2 and said[0] != after and said[1] in {"running", "degraded"}

        wait_until(f"{self.release} is up", up, timeout=180.0, every=0.2)

    def reboot(self) -> None:
        """A real reboot, and wait until it is up again."""
        before = self.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip()
        self.ssh("systemctl reboot", check=False)
        self._wait_until_up(after=before)

    def power_off(self) -> None:
        """Shut down in good order; the disk stays."""
        assert self._process is not None, STOPPED
        self.ssh("systemctl poweroff", check=False)
        self._process.wait(180.0)
        self._forget_process()

    def cut_power(self) -> None:
        """What a power cut does: nothing is written any more."""
        self._forget_process()

    def _forget_process(self) -> None:
        if self._process is not None:
            # Connections that wait for an answer would keep its network alive, and it would go on talking.
            for link in self._links & self._ports():
                subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
            self._process.close()
            self._process = None
            wait_until("all of the box has ended", self._group_is_gone, timeout=60.0)
        self._keep_packages()

    def _group_is_gone(self) -> bool:
        for tree in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            for group, _, _ in os.walk(f"{tree}/{self._machine}", topdown=False):
                try:
                    Path(group).rmdir()
                except OSError:  # something in it is just ending
                    return False
        return True

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def console(self) -> str:
        """The end of what the box said on its console."""
        return (self.disk.place / "console.log").read_text(errors="replace")[-6000:]

    # ----------------------------------------------------------------------------------------- commands in it

    def ssh(
        self, command: str, *, typed: str | None = None, check: bool = True, timeout: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command that reads ``typed``, as root; AssertionError when it fails, if ``check``."""
        done = subprocess.run(
            ["ssh", "-F", self.network.ssh_config, self.address, command],
            input=typed,
            stdin=subprocess.DEVNULL if typed is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{command} in {self.release}: exit {done.returncode}\n"
            f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done

    def run_inside(self, command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Without SSH, for set-up and for a look inside: it has this machine's rights, not the box's."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._init()), "-a", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def _init(self) -> int:
        """The id, on this machine, of the box's process 1: the child of systemd-nspawn."""
        assert self._process is not None, STOPPED
        pid = self._process.pid
        for _ in range(3):
            [child, *_] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            pid = int(child)
        return pid

    def install(self, *packages: str) -> None:
        """From Debian, without what is only recommended."""
        wanted = " ".join(packages)
        self.ssh("apt-get update --quiet", timeout=300)
        self.ssh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {wanted}")

    def host(self) -> Any:
        """This box for testinfra."""
        import testinfra

        # A connection kept for all questions would outlive the box.
        place = f"ssh://root@{self.address}?controlpersist=0"
        return testinfra.get_host(place, ssh_config=str(self.network.ssh_config))

    def listeners(self) -> set[tuple[str, int, str]]:
        """What listens beyond loopback: protocol, port and name of the program."""
        found = set()
        for line in self.ssh(
            "ss --no-header --tcp --udp --listening --numeric --processes"
        ).stdout.splitlines():
            protocol, _state, _in, _out, local, _peer, *users = line.split()
            address, _, port = local.rpartition(":")
            if not address.startswith(("127.", "[::1]")):
                found.add((protocol, int(port), users[0].split('"')[1] if users else ""))
        return found

    def close(self) -> None:
        """Away with it, however things stand."""
        if hasattr(self, "_packages"):
            self._forget_process()
        self.disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2.0):
            return True
    except OSError:
        return False


def _resolvers() -> str:
    """The name servers of this machine, as a box reaches them."""
    for path in ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"):
        if Path(path).exists():
            return Path(path).read_text()
    return ""


def _apt_settings() -> str:
    """How this machine's apt reaches the mirror; and packages are kept."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-")
    lines = check(["apt-config", "dump", "Acquire"]).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(wanted)) + (
        'APT::Keep-Downloaded-Packages "true";\n'
    )
