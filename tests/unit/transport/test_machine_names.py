"""The files that say what names mean on this machine, as people write them."""

from __future__ import annotations

from pathlib import Path

from appliance.transport.machine_names import MachineNames, read_hosts, read_resolv

HOSTS = """
# comment
127.0.0.1   localhost
192.0.2.7\tGateway.example gateway   # the old one
2001:db8::7 gateway.example
192.0.2.7 gateway.example
fe80::1%eth0 link.example
nonsense there.example
192.0.2.8
"""


def test_a_hosts_file() -> None:
    found = read_hosts(HOSTS)
    assert found["gateway.example"] == ("192.0.2.7", "2001:db8::7")
    assert found["gateway"] == ("192.0.2.7",)
    assert set(found) == {"localhost", "gateway.example", "gateway"}


def test_a_resolv_conf() -> None:
    text = "domain old.example\nsearch Example.org. example.net\n; x\nnameserver 192.0.2.53\nnameserver ::1\n"
    assert read_resolv(text) == ([("192.0.2.53", 53), ("::1", 53)], ["example.org", "example.net"])
    many = "".join(f"nameserver 192.0.2.{number}\n" for number in range(9))
    assert len(read_resolv(many)[0]) == 3
    assert read_resolv("nameserver\nsearch\noptions rotate\n") == ([], [])


def test_a_change_is_seen_after_seconds(tmp_path: Path) -> None:
    hosts, resolv = tmp_path / "hosts", tmp_path / "resolv.conf"
    now = 1000.0
    names = MachineNames(hosts, resolv, lambda: now)
    assert (names.addresses("a.example"), names.servers, names.search) == ((), [], [])
    hosts.write_text("192.0.2.1 a.example\n")
    resolv.write_text("search example.org\nnameserver 192.0.2.53\n")
    assert names.addresses("a.example") == ()
    now += 6
    assert names.addresses("a.example") == ("192.0.2.1",)
    assert (names.servers, names.search) == ([("192.0.2.53", 53)], ["example.org"])
    hosts.unlink()
    now += 6
    assert names.addresses("a.example") == ()
