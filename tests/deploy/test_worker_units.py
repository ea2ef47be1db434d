"""A worker that cannot start gives its share to the others, and gets it back: real units, a small program."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(600)

UNITS = Path(__file__).resolve().parents[2] / "systemd"

#: Says that it is ready, and answers each datagram with its number. It does not start while a file says so.
PROGRAM = r"""#!/usr/bin/perl
use Socket;
my $number = $ARGV[-1];
exit 0 if $ARGV[-1] eq "check";
if (-e "/etc/sipbox/broken-$number") { select(undef, undef, undef, 0.2); exit 1; }
socket(my $notify, AF_UNIX, SOCK_DGRAM, 0);
send($notify, "READY=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET}));
open(my $udp, "+<&=", 3);
$SIG{TERM} = sub { exit 0 };
while (1) {
    my $from = recv($udp, my $data, 2000, 0) or next;
    send($udp, $number, 0, $from);
    send($notify, "WATCHDOG=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET}));
}
"""


def write(box: BootedBox, path: str, text: str, *, mode: str = "644") -> None:
    box.ssh(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", typed=text)


def answers(box: BootedBox, phones: int = 60) -> Counter[str]:
    """Who answers so many phones; "" is nobody."""
    found: Counter[str] = Counter()
    asked = []
    for _ in range(phones):
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        phone.sendto(b"x", (box.address, 5060))
        asked.append(phone)
    for phone in asked:
        phone.settimeout(0.7 if found[""] < 3 else 0.02)
        with phone:
            try:
                found[phone.recv(100).decode()] += 1
            except TimeoutError:
                found[""] += 1
    return found


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_share_is_given_back_and_returns(box_network: BoxNetwork, release: str) -> None:
    with BootedBox(release, box_network) as box:
        for unit in UNITS.glob("sipbox*"):
            if unit.name.startswith(("sipbox@", "sipbox-return", "sipbox.target")):
                write(box, f"/etc/systemd/system/{unit.name}", unit.read_text())
        write(
            box,
            "/etc/systemd/system/sipbox@.socket.d/listen.conf",
            f"[Socket]\nListenDatagram={box.address}:5060\n",
        )
        write(
            box,
            "/etc/systemd/system/sipbox-return@.timer.d/soon.conf",
            "[Timer]\nOnActiveSec=\nOnActiveSec=5\n",
        )
        # The unit lets nothing run but sipbox and what it is made of.
        write(box, "/etc/systemd/system/sipbox@.service.d/perl.conf", "[Service]\nExecPaths=/usr/bin/perl\n")
        write(box, "/usr/local/bin/sipbox", PROGRAM, mode="755")
        box.ssh("useradd --system sipbox && mkdir -p /run/sipbox /run/sipbox-starts /etc/sipbox /opt/sipbox")
        box.ssh("chown sipbox: /run/sipbox")
        box.ssh("systemctl daemon-reload && systemctl start sipbox@1.socket sipbox@2.socket sipbox@3.socket")
        box.ssh("systemctl start sipbox@1 sipbox@2 sipbox@3")
        wait_until("each has its share", lambda: set(answers(box)) == {"1", "2", "3"}, timeout=60)

        # Once killed is no failed start: it comes back and keeps its share.
        box.ssh("systemctl kill --signal=KILL sipbox@2")
        wait_until(
            "worker 2 is back",
            lambda: box.ssh("systemctl is-active sipbox@2", check=False).returncode == 0,
            timeout=60,
        )
        wait_until("it has kept its share", lambda: set(answers(box)) == {"1", "2", "3"}, timeout=60)

        box.ssh("touch /etc/sipbox/broken-2; systemctl kill --signal=KILL sipbox@2")
        wait_until("the others have its share", lambda: set(answers(box)) == {"1", "3"}, timeout=60)
        assert box.ssh("systemctl is-active sipbox@2.socket", check=False).stdout.strip() == "inactive"
        # It is tried again, fails, and gives the socket back at once.
        wait_until(
            "it was tried again",
            lambda: int(box.ssh("cat /run/sipbox-starts/failed-2 2>/dev/null | wc -l").stdout) >= 4,
            timeout=60,
        )
        wait_until("the others have its share", lambda: set(answers(box)) == {"1", "3"}, timeout=60)

        box.ssh("rm /etc/sipbox/broken-2")
        wait_until("it has its share again", lambda: set(answers(box)) == {"1", "2", "3"}, timeout=60)
        assert box.ssh("test -e /run/sipbox-starts/failed-2", check=False).returncode == 1

        # The last that lives never gives up: what arrives waits for it.
        box.ssh("systemctl stop sipbox@2.socket sipbox@3.socket; touch /etc/sipbox/broken-1")
        box.ssh("systemctl kill --signal=KILL sipbox@1")
        wait_until(
            "it has failed often",
            lambda: int(box.ssh("cat /run/sipbox-starts/failed-1 2>/dev/null | wc -l").stdout) >= 4,
            timeout=60,
        )
        assert box.ssh("systemctl is-active sipbox@1.socket").stdout.strip() == "active"
        box.ssh("rm /etc/sipbox/broken-1")
        wait_until("it answers", lambda: set(answers(box, 3)) == {"1"}, timeout=60)
        box.ssh("systemctl stop 'sipbox-return@*.timer'")
