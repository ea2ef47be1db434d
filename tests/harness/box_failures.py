"""The ways in which a box of a cluster fails; each is over when the block ends.

::

    with FAILURES["a worker hangs"](box):
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from tests.harness.booted_box import BootedBox

#: In the worker's own view of the files, where no program can be started.
_FULL_DISK = """
import ctypes, os, subprocess
show = ["systemctl", "show", "--property=MainPID", "--value", "sipbox@1.service"]
worker = subprocess.check_output(show, text=True).strip()
libc, state = ctypes.CDLL(None, use_errno=True), b"/var/lib/sipbox"
assert libc.setns(os.open(f"/proc/{{worker}}/ns/mnt", os.O_RDONLY), 0) == 0
assert libc.{call} == 0, os.strerror(ctypes.get_errno())
"""


@contextmanager
def no_power(box: BootedBox) -> Iterator[None]:
    box.cut_power()
    try:
        yield
    finally:
        box.poweron()


@contextmanager
def no_network(box: BootedBox) -> Iterator[None]:
    """Its cable is pulled."""
    box.run_inside(["ip", "link", "set", "host0", "down"])
    try:
        yield
    finally:
        box.run_inside(["ip", "link", "set", "host0", "up"])


@contextmanager
def worker_hangs(box: BootedBox) -> Iterator[None]:
    box.ssh("systemctl kill --signal=STOP 'sipbox@1.service'")
    try:
        yield
    finally:
        box.ssh("systemctl kill --signal=CONT 'sipbox@1.service'", check=False)


@contextmanager
def worker_dies(box: BootedBox) -> Iterator[None]:
    """With no word, and systemd starts it again."""
    box.ssh("systemctl kill --signal=KILL 'sipbox@1.service'")
    yield


@contextmanager
def disk_full(box: BootedBox) -> Iterator[None]:
    box.ssh("python3 -", typed=_FULL_DISK.format(call="mount(b'tmpfs', state, b'tmpfs', 0, b'size=1M')"))
    try:
        yield
    finally:
        box.ssh("python3 -", typed=_FULL_DISK.format(call="umount2(state, 2)"))


FAILURES: Mapping[str, Callable[[BootedBox], AbstractContextManager[None]]] = {
    "its power fails": no_power,
    "its network is pulled": no_network,
    "a worker hangs": worker_hangs,
    "a worker dies": worker_dies,
    "the disk is full": disk_full,
}
