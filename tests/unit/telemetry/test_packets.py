"""Traced messages for other programs: capture files (pcap) and HEP version 3, read back by hand."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from appliance.telemetry import hep, pcap
from appliance.telemetry.ends import ends_of
from tests.unit.telemetry.made import INVITE, RINGING, entry, note

PHONE, PHONE6 = "udp:192.0.2.10:5060", "tls:[2001:db8::7]:41000"


def internet_sum(data: bytes) -> int:
    """0xFFFF when the checksum in it is right (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def chunks(packet: bytes) -> dict[int, bytes]:
    """The chunks of a HEP packet by their type."""
    assert packet[:4] == b"HEP3"
    assert struct.unpack("!H", packet[4:6])[0] == len(packet)
    found, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack("!HHH", packet[at : at + 6])
        assert vendor == 0
        found[kind] = packet[at + 6 : at + length]
        at += length
    return found


def test_who_has_sent_it_and_who_gets_it() -> None:
    came, went = ends_of(entry("received", INVITE)), ends_of(entry("sent", RINGING, PHONE6))
    assert came is not None
    assert went is not None
    assert (str(came.source), came.source_port, str(came.target), came.target_port, came.reliable) == (
        *("192.0.2.10", 5060, "192.0.2.1", 5060),
        False,
    )
    assert (str(went.source), str(went.target), went.target_port, went.reliable) == (
        *("2001:db8::1", "2001:db8::7", 41000),
        True,
    )
    assert ends_of(note("User is not found")) is None
    unknown = ends_of(entry("received", INVITE)._replace(local=""))
    assert unknown is not None
    assert unknown.target == ip_address("0.0.0.0")


def test_a_message_over_ipv4_is_a_packet() -> None:
    record = pcap.packet(entry("received", INVITE))
    seconds, micro, kept, whole = struct.unpack("<IIII", record[:16])
    assert (seconds, micro, kept) == (1_700_000_000, 250_000, whole)
    ip = record[16:]
    assert len(ip) == whole == struct.unpack("!H", ip[2:4])[0]
    assert (ip[0], ip[9], internet_sum(ip[:20])) == (0x45, 17, 0xFFFF)
    pseudo = ip[12:20] + struct.pack("!BBH", 0, 17, len(ip) - 20)
    assert internet_sum(pseudo + ip[20:]) == 0xFFFF
    assert ip[28:] == INVITE.encode()


def test_a_message_over_ipv6_is_a_packet() -> None:
    ip = pcap.packet(entry("sent", RINGING, PHONE6))[16:]
    assert (ip[0] >> 4, ip[6]) == (6, 17)
    assert struct.unpack("!H", ip[4:6])[0] == len(ip) - 40
    pseudo = ip[8:40] + struct.pack("!IHBB", len(ip) - 40, 0, 0, 17)
    assert internet_sum(pseudo + ip[40:]) == 0xFFFF
    assert ip[48:] == RINGING.encode()


def test_what_is_too_long_for_a_packet_is_cut() -> None:
    record = pcap.packet(entry("received", INVITE + "x" * 70_000))
    assert struct.unpack("!H", record[18:20])[0] == len(record) - 16 == 65_535
    assert len(hep.packet(entry("received", INVITE + "x" * 70_000))) < 65_507


def test_bytes_that_are_no_utf8_stay() -> None:
    odd = entry("received", INVITE)._replace(text="\udcff\r\n")
    assert pcap.packet(odd).endswith(b"\xff\r\n")
    assert chunks(hep.packet(odd))[15] == b"\xff\r\n"


@pytest.mark.parametrize(("peer", "family", "protocol"), [(PHONE, 2, 17), (PHONE6, 10, 6)])
def test_hep_tells_who_when_and_what(peer: str, family: int, protocol: int) -> None:
    found = chunks(hep.packet(entry("received", INVITE, peer), agent=7))
    assert (found[1], found[2], found[11]) == (bytes([family]), bytes([protocol]), b"\x01")
    assert found[3 if family == 2 else 5] == ip_address("192.0.2.10" if family == 2 else "2001:db8::7").packed
    assert struct.unpack("!HHIII", found[7] + found[8] + found[9] + found[10] + found[12]) == (
        *(5060 if family == 2 else 41000, 5060 if family == 2 else 5061),
        *(1_700_000_000, 250_000, 7),
    )
    assert (found[15], found[17]) == (INVITE.encode(), b"c1")


def test_a_note_is_a_log_line_of_its_call() -> None:
    found = chunks(hep.packet(note("User is not found")))
    assert (found[11], found[15], found[17]) == (b"\x64", b"User is not found", b"c1")
    assert pcap.packet(note("User is not found")) == b""
