"""The sound of a phone: a socket that sends RTP packets (RFC 3550) and counts those that come."""

from __future__ import annotations

import re
import socket
import struct
import time
from typing import Self

from tests.harness.networks import Place, counted
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.waiting import wait_until

_SILENCE = b"\xd5" * 160  # 20 ms of PCMA


class RtpPhone:
    """Sends as ``ssrc``, from ``place`` if it is in one, else from ``host``, and tells where it hears.

    ``heard`` are the packets that came: the SSRC and number of each, and where it came from.
    """

    def __init__(self, ssrc: int, *, place: Place | None = None, host: str = LOOPBACK) -> None:
        self.ssrc = ssrc
        self.host = place.address if place else host
        open_socket = place.open_socket if place else socket.socket
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = open_socket(family, socket.SOCK_DGRAM)
        self._socket.bind((self.host, 4000 if place else free_port(2, address=self.host)))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.heard: list[tuple[int, int, tuple[str, int]]] = []
        self.number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def description(self) -> bytes:
        """What it offers or answers."""
        address = f"IN IP{6 if ':' in self.host else 4} {self.host}"
        return (
            f"v=0\r\no=- {self.ssrc} 1 {address}\r\ns=-\r\nc={address}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        ).encode()

    def say(self, there: tuple[str, int]) -> None:
        """One packet."""
        self.number += 1
        head = struct.pack("!BBHII", 0x80, 8, self.number & 0xFFFF, self.number * 160, self.ssrc)
        self._socket.sendto(head + _SILENCE, there)

    def listen(self) -> None:
        """Takes in what has come."""
        while True:
            try:
                data, source = self._socket.recvfrom(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            _, _, number, _, ssrc = struct.unpack("!BBHII", data[:12])
            self.heard.append((ssrc, number, source))

    def has_heard(self, ssrc: int) -> set[int]:
        """The numbers of the packets of somebody that came."""
        self.listen()
        return {number for who, number, _ in self.heard if who == ssrc}


class RtpCounter:
    """Counts what a real phone at ``place`` says and hears: packets of RTP with PCMU, nothing else."""

    def __init__(self, place: Place) -> None:
        self._place = place
        # The first byte of RTP without extras is 0x80, the second has seven bits for the payload type.
        packet = "@th,64,8 0x80 @th,73,7 0x00 counter"
        place.run(
            "nft",
            "-f",
            "-",
            typed="table ip rtp {\n"
            f" chain heard {{ type filter hook input priority 0; iifname eth0 meta l4proto udp {packet}; }}\n"
            f" chain said {{ type filter hook output priority 0; oifname eth0 meta l4proto udp {packet}; }}\n"
            "}\n",
        )

    @property
    def heard(self) -> int:
        return counted(self._place, "rtp", "heard")

    @property
    def said(self) -> int:
        return counted(self._place, "rtp", "said")


def media_of(description: bytes) -> tuple[str, int]:
    """The address and port where a description wants to hear."""
    address = re.search(rb"(?m)^c=IN IP[46] (\S+)", description)
    port = re.search(rb"(?m)^m=audio (\d+) ", description)
    assert address, description
    assert port, description
    return address[1].decode(), int(port[1])


def converse(
    one: RtpPhone, its_way: tuple[str, int], other: RtpPhone, others_way: tuple[str, int], packets: int = 50
) -> None:
    """Both say so many packets, every few milliseconds one; AssertionError unless each hears all of them.

    What is said before both have been heard once is not counted: rtpengine learns from it where they are.
    """

    def acquainted() -> bool:
        one.say(its_way)
        other.say(others_way)
        time.sleep(0.02)
        return bool(one.has_heard(other.ssrc) and other.has_heard(one.ssrc))

    wait_until("both hear something", acquainted, timeout=15)
    said: tuple[set[int], set[int]] = (set(), set())
    for _ in range(packets):
        for phone, way, numbers in ((one, its_way, said[0]), (other, others_way, said[1])):
            phone.say(way)
            numbers.add(phone.number)
        time.sleep(0.005)
    wait_until("all is heard by the other", lambda: said[0] <= other.has_heard(one.ssrc), timeout=15)
    wait_until("all is heard by the one", lambda: said[1] <= one.has_heard(other.ssrc), timeout=15)
