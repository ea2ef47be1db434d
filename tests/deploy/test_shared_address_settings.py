"""Boxes of an inventory that are one system become settings that the program takes; without a box."""

from __future__ import annotations

import json
from pathlib import Path

from appliance.config import load
from appliance.config.sections import Settings
from tests.deploy.test_gateway_settings import written

KEY = "0123456789abcdef" * 4
HOSTS = {"pbx": {"sipbox_address": "192.0.2.10"}, "pbx2": {"sipbox_address": "192.0.2.11"}}


def settings(place: Path, **said: object) -> Settings:
    """Of the first of two boxes."""
    written(place, {"sipbox_cluster": True, "sipbox_cluster_key": KEY, **said}, hosts=HOSTS).check()
    return load(str(place / "sipbox.toml"))


def test_two_boxes_that_share_an_address(tmp_path: Path) -> None:
    said = settings(tmp_path, sipbox_shared_address="192.0.2.9/24")
    assert said.sip.listen == (
        "udp:192.0.2.10:5060",
        "tcp:192.0.2.10:5060",
        "udp:192.0.2.9:5060",
        "tcp:192.0.2.9:5060",
    )
    assert said.cluster.key_file == said.node_key_file == "/etc/sipbox/cluster.key"
    assert said.cluster.addresses == {"pbx": "192.0.2.10", "pbx2": "192.0.2.11"}
    assert said.cluster.shared_host == "192.0.2.9"
    assert (said.replication.peers, said.replication.node) == (("192.0.2.11:5065",), "pbx")
    assert (said.replication.interface, said.replication.shared_database) == ("192.0.2.10", True)
    assert said.phones.sip_server == "192.0.2.9:5060"
    assert KEY not in (tmp_path / "sipbox.toml").read_text()


def test_without_a_shared_address(tmp_path: Path) -> None:
    said = settings(tmp_path)
    assert said.sip.listen == ("udp:192.0.2.10:5060", "tcp:192.0.2.10:5060")
    assert (said.cluster.shared_address, said.phones.sip_server) == ("", "")


def test_a_shared_address_of_ipv6(tmp_path: Path) -> None:
    said = settings(tmp_path, sipbox_shared_address="2001:db8::9/64")
    assert "udp:[2001:db8::9]:5060" in said.sip.listen
    assert said.phones.sip_server == "[2001:db8::9]:5060"


def test_several_boxes_that_are_no_cluster(tmp_path: Path) -> None:
    written(tmp_path, {}, hosts=HOSTS).check()
    said = load(str(tmp_path / "sipbox.toml"))
    assert not said.cluster.key_file
    assert not said.replication.enabled
    assert "cluster" not in json.dumps((tmp_path / "sipbox.toml").read_text())
