from __future__ import annotations

from pathlib import Path

from appliance.config import Listener
from appliance.diagnosis.kernel_sockets import sockets

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def table(directory: Path, name: str, *rows: str) -> None:
    (directory / "net").mkdir(exist_ok=True)
    (directory / "net" / name).write_text(HEAD + "".join(f"{row}\n" for row in rows))


def test_addresses_queues_and_drops(tmp_path: Path) -> None:
    tail = "00:00000000 00000000     0        0"
    table(
        tmp_path,
        "udp",
        f" 1: 010200C0:13C4 00000000:0000 07 00000000:00000A00 {tail} 4711 2 0000 5",
        f" 2: 010200C0:13C5 020200C0:13C4 01 00000000:00000000 {tail} 4712 2 0000 0",
    )
    table(tmp_path, "tcp", f" 1: 010200C0:13C4 00000000:0000 0A 00000000:00000003 {tail} 4713 1 0000 100 0 0")
    table(
        tmp_path,
        "udp6",
        f" 1: B80D0120000000000000000001000000:13C4 {'0' * 32}:0000 07 0:00000000 {tail} 4714 2 0000 0",
    )
    assert [tuple(each) for each in sockets(tmp_path)] == [
        (Listener("udp", "192.0.2.1", 5060), 2560, 5, 4711),
        (Listener("udp", "2001:db8::1", 5060), 0, 0, 4714),
        (Listener("tcp", "192.0.2.1", 5060), 3, 0, 4713),
    ]
