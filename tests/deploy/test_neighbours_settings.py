"""The neighbours that an inventory names become settings that the program takes; without a box."""

from __future__ import annotations

from pathlib import Path

from appliance.config import load
from tests.deploy.test_gateway_settings import written


def test_the_neighbours_of_an_inventory(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "sipbox_neighbours": ["192.0.2.10", "192.0.2.11", "192.0.2.12"],
            "sipbox_neighbours_key": "k" * 64,
        },
    ).check()
    wanted = load(str(tmp_path / "sipbox.toml")).replication
    assert wanted.peers == ("192.0.2.11:5065", "192.0.2.12:5065"), "not the box itself"
    assert (wanted.interface, wanted.port, wanted.node) == ("192.0.2.10", 5065, "pbx")
    assert wanted.sip == "192.0.2.10:5060"
    assert wanted.key_file == "/etc/sipbox/neighbours.key"
    assert "kkk" not in (tmp_path / "sipbox.toml").read_text()


def test_neighbours_of_ipv6(tmp_path: Path) -> None:
    written(tmp_path, {"sipbox_address": "2001:db8::1", "sipbox_neighbours": ["2001:db8::2"]}).check()
    wanted = load(str(tmp_path / "sipbox.toml")).replication
    assert (wanted.interface, wanted.peers) == ("2001:db8::1", ("[2001:db8::2]:5065",))


def test_a_group_stands_for_all(tmp_path: Path) -> None:
    group = "239.255.80.1"
    written(tmp_path, {"sipbox_neighbours": ["192.0.2.11"], "sipbox_neighbours_group": group}).check()
    wanted = load(str(tmp_path / "sipbox.toml")).replication
    assert (wanted.group, wanted.peers) == (group, ())


def test_without_neighbours_nothing_is_set(tmp_path: Path) -> None:
    written(tmp_path, {}).check()
    assert not load(str(tmp_path / "sipbox.toml")).replication.enabled
