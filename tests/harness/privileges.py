"""What a process may do in the sandbox of a service: the service's own unit, with a probe as its program.

::

    told = tried(box, "sipbox@1.service")
    assert told["read the settings"] == "yes"
    assert told["write the settings"] != "yes"

``probe`` runs on the box, in the very sandbox (its user, its namespaces, its system calls), tries one thing
after the other and prints what came of it. Must not know what is allowed.
"""

from __future__ import annotations

import inspect
import json
import re

from tests.harness.booted_box import BootedBox

PYTHON = "/opt/sipbox/current/venv/bin/python"
PROBE, UNIT = "/etc/sipbox-probe.py", "sipbox-probe.service"
#: What is the program's alone: what starts it, and who is told of its end.
_NOT_OURS = (
    r"(?m)^(?:Exec(?:Start|Stop|Reload)\w*|Requires|After|Wants|PartOf|Restart\w*|NotifyAccess|WatchdogSec|Timeout\w+|Type"
    r"|FileDescriptorStoreMax|WantedBy|Also)=.*\n"
)


def probe() -> None:
    """Runs on the box alone, with the standard library and PyMySQL."""
    import ctypes
    import json
    import mmap
    import os
    import signal
    import socket
    import subprocess
    import time

    def bound(kind: int, port: int, family: int = socket.AF_INET) -> None:
        socket.socket(family, kind).bind(("127.0.0.1", port))

    def database(statement: str) -> object:
        import pymysql

        with pymysql.connect(
            unix_socket="/run/mysqld/mysqld.sock", user="sipbox", database="openser"
        ) as there:
            cursor = there.cursor()
            cursor.execute(statement)
            return cursor.fetchall()

    def program_in(folder: str) -> None:
        path = f"{folder}/probe-program"
        try:
            with open(path, "w") as file:  # noqa: PTH123
                file.write("#!/bin/true\n")
            os.chmod(path, 0o700)  # noqa: PTH101
            subprocess.run([path], check=True)
        finally:
            if os.path.exists(path):  # noqa: PTH110
                os.unlink(path)  # noqa: PTH108

    def called(name: str, *arguments: object) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    def read(path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123
            file.read(1)

    def written(path: str) -> None:
        with open(path, "ab"):  # noqa: PTH123
            pass

    def others() -> None:
        # Those of its own user are workers, as it is one.
        seen = [each for each in os.listdir("/proc") if each.isdigit()]  # noqa: PTH208
        if all(os.stat(f"/proc/{each}").st_uid == os.getuid() for each in seen):  # noqa: PTH116
            raise PermissionError(f"{len(seen)} processes of its own user")

    def raise_unless(condition: object) -> None:
        if not condition:
            raise PermissionError("no")

    def status(name: str) -> str:
        with open("/proc/self/status") as file:  # noqa: PTH123
            return next(line.split()[1] for line in file if line.startswith(f"{name}:"))

    tries = {
        "bind a UDP port": lambda: bound(socket.SOCK_DGRAM, 15060),
        "bind a TCP port": lambda: bound(socket.SOCK_STREAM, 15060),
        "read the settings": lambda: read("/etc/sipbox/sipbox.toml"),
        "write its state": lambda: written("/var/lib/sipbox/probe"),
        "make its control socket": lambda: written("/run/sipbox/probe"),
        "ask the database": lambda: database("select count(*) from location"),
        "change a row": lambda: database("delete from location where username = 'nobody'"),
        "read the rows of phones": lambda: database("select token from phone"),
        # ---------------------------------------------------------------------------------- and nothing else
        "bind a port below 1024": lambda: bound(socket.SOCK_STREAM, 80),
        "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 17),
        "open a packet socket": lambda: socket.socket(17, socket.SOCK_RAW, 768),
        "open a netlink socket": lambda: socket.socket(16, socket.SOCK_RAW, 0),
        "drop a table": lambda: database("drop table location"),
        "change a table": lambda: database("alter table location add column x int"),
        "read the accounts of the database": lambda: database("select * from mysql.user"),
        "read a file by the database": lambda: raise_unless(
            database("select load_file('/etc/passwd')")[0][0]
        ),  # type: ignore[index]
        "write the settings": lambda: written("/etc/sipbox/sipbox.toml"),
        "write beside the settings": lambda: written("/etc/sipbox/probe"),
        "write the program": lambda: written("/opt/sipbox/current/probe"),
        "write into /usr": lambda: written("/usr/local/bin/probe"),
        "write into /etc": lambda: written("/etc/probe"),
        "write into /var": lambda: written("/var/probe"),
        "read the agent's vault key": lambda: read("/etc/sipbox/credentials/phones.key"),
        "list the credentials": lambda: os.listdir("/etc/sipbox/credentials"),  # noqa: PTH208
        "read the password file": lambda: read("/etc/shadow"),
        "read the host's SSH keys": lambda: read("/etc/ssh/ssh_host_ed25519_key"),
        "list the homes": lambda: os.listdir("/home"),  # noqa: PTH208
        "list root's home": lambda: os.listdir("/root"),  # noqa: PTH208
        "list the backups": lambda: os.listdir("/var/backups/sipbox"),  # noqa: PTH208
        "see somebody else's process": others,
        "end another process": lambda: os.kill(1, signal.SIGTERM),
        "run a shell": lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True),
        "run a tool": lambda: subprocess.run(["/usr/bin/id"], check=True, capture_output=True),
        "run a file of its state": lambda: program_in("/var/lib/sipbox"),
        "run a file of /run/sipbox": lambda: program_in("/run/sipbox"),
        "run a file of /tmp": lambda: program_in("/tmp"),
        "become root": lambda: os.setuid(0),
        "give a file away": lambda: os.chown("/var/lib/sipbox/probe", 0, 0),
        "mount": lambda: called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "make a namespace": lambda: called("unshare", 0x10000000),
        "trace": lambda: called("ptrace", 16, 1, 0, 0),
        "make memory that runs": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
        "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "set a kernel's setting": lambda: written("/proc/sys/net/ipv4/ip_forward"),
        "use a device": lambda: read("/dev/kmsg"),
        "have a capability": lambda: raise_unless(int(status("CapEff"), 16) or int(status("CapBnd"), 16)),
        "gain a privilege": lambda: raise_unless(status("NoNewPrivs") != "1"),
        "be without a filter of system calls": lambda: raise_unless(status("Seccomp") != "2"),
    }
    told = {}
    for what, attempt in tries.items():
        try:
            attempt()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            told[what] = f"{type(error).__name__}: {error}"
        else:
            told[what] = "yes"
    print("TOLD " + json.dumps(told))


def tried(box: BootedBox, unit: str) -> dict[str, str]:
    """What the probe says that it may do in that unit's sandbox: "yes", or what stood in its way."""
    text = box.ssh(f"systemctl cat {unit}").stdout
    text = re.sub(_NOT_OURS, "", text.replace("%i", "1"))
    service = text.replace("[Service]\n", f"[Service]\nType=oneshot\nExecStart={PYTHON} {PROBE}\n", 1)
    box.ssh(f"cat > {PROBE} && chmod 0644 {PROBE}", typed=f"{inspect.getsource(probe)}\n\nprobe()\n")
    box.ssh(f"cat > /run/systemd/system/{UNIT} && systemctl daemon-reload", typed=service)
    try:
        started = box.ssh(f"systemctl start {UNIT}", check=False)
        said = box.ssh(f"journalctl --unit={UNIT} --output=cat --no-pager").stdout
        found = re.findall(r"(?m)^TOLD (\{.*\})$", said)
        assert started.returncode == 0 and found, f"{started.stderr}\n{said[-3000:]}"
        told: dict[str, str] = json.loads(found[-1])  # there may have been others before
        return told
    finally:
        box.ssh(f"rm -f {PROBE} /run/systemd/system/{UNIT} /var/lib/sipbox/probe /run/sipbox/probe")
        box.ssh("systemctl daemon-reload")
