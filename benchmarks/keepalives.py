"""What it costs to keep a phone behind a NAT reachable: the server's time for one OPTIONS and its answer.

    python benchmarks/keepalives.py [--phones 20000] [--seconds 20]

A whole server on loopback, with that many bindings behind a NAT in its table, sends each of them a keep-alive
every few seconds; a process of its own answers all of them. The ceiling is how many of these one core carries
when it does nothing else.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from appliance import control
from benchmarks import as_on_a_box
from benchmarks.processor_time import spent, used
from tests.harness.sipbox import Sipbox

_KEPT = re.compile(rb"(?m)^(?:Via|From|To|Call-ID|CSeq): .*\r\n")


def answer_all(sock: socket.socket) -> None:
    """Answers every OPTIONS until it is ended."""
    while True:
        data, source = sock.recvfrom(65_535)
        if data.startswith(b"OPTIONS"):
            sock.sendto(
                b"SIP/2.0 200 OK\r\n%sContent-Length: 0\r\n\r\n" % b"".join(_KEPT.findall(data)), source
            )


def fill(box: Sipbox, phones: int, port: int) -> None:
    """Bindings behind a NAT, all at the address where they are answered."""
    box.sql(
        "insert into location (ruid, username, domain, contact, received, expires, q, callid, cseq,"
        " last_modified, flags, cflags, user_agent, socket)"
        " values (:ruid, :user, '127.0.0.1', :contact, :received,"
        " '2099-01-01 00:00:00', -1, 'c', 1, '2026-01-01 00:00:00', 0, 64, 'phone', :socket)",
        [
            {
                "ruid": f"{number:024x}",
                "user": str(number),
                "contact": f"sip:{number}@192.168.1.20:5060",
                "received": f"sip:127.0.0.1:{port}",
                "socket": f"udp:127.0.0.1:{box.port}",
            }
            for number in range(phones)
        ],
    )


def counted(box: Sipbox) -> tuple[int, int]:
    """How many were sent and how many answered, so far."""
    told = control.call(str(box.settings["sip"]["control"]), "metrics")["snapshot"]
    sent = sum(value for _, value in told["sipbox_nat_keepalives_total"])
    return int(sent), int(sum(value for _, value in told["sipbox_nat_keepalives_answered_total"]))


def measure(method: str, phones: int, every: int, seconds: float) -> None:
    """One line: how it went."""
    answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answering.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
    answering.bind(("127.0.0.1", 0))
    child = os.fork()
    if not child:
        try:
            answer_all(answering)
        finally:
            os._exit(0)
    settings = {"nat": {"keepalive": method, "keepalive_seconds": every, "keepalives_per_second": 1_000_000}}
    box = Sipbox(settings=settings)
    try:
        box.create_database()
        fill(box, phones, answering.getsockname()[1])
        box.start()
        time.sleep(every + 2)
        before, (sent, answered), began = used(box.pid), counted(box), time.monotonic()
        time.sleep(seconds)
        after, (sent_then, answered_then) = used(box.pid), counted(box)
        lasted = time.monotonic() - began
        assert before is not None and after is not None
        busy, count = spent(before, after), sent_then - sent
        print(
            f"{method:8} {phones} phones every {every} s: {count / lasted:.0f}/s sent, "
            f"{(answered_then - answered) / lasted:.0f}/s answered, {busy / lasted:.0%} of a core, "
            f"{busy / max(count, 1) * 1e6:.1f} us each: a core carries {count / max(busy, 1e-9):.0f}/s"
        )
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        box.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phones", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    as_on_a_box.add_options(parser)
    options = parser.parse_args()
    as_on_a_box.begin(options)
    for way in ("off", "options", "crlf"):
        measure(way, options.phones, 4, options.seconds)
