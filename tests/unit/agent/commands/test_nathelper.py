"""The commands of the module nathelper, in OpenSER's words."""

from __future__ import annotations

from tests.unit.agent.commands.answering import Answering, run


def test_keep_alives_are_switched() -> None:
    process = Answering(nat_ping=None)
    assert run(process, "nh_enable_ping", "0") == "200 OK\n\n"
    assert run(process, "nh_enable_ping", "7") == "200 OK\n\n"
    assert process.asked == [("nat_ping", {"enabled": False}), ("nat_ping", {"enabled": True})]
    assert run(process, "nh_enable_ping", "on") == "400 Bad parameter\n\n"


def test_nodes_of_rtpengine_are_shown() -> None:
    nodes = [
        {"node": "127.0.0.1:2223", "up": True, "enabled": True},
        {"node": "192.0.2.7:2223", "up": True, "enabled": False},
    ]
    assert run(Answering(media_nodes=nodes), "nh_show_rtpp") == (
        "200 OK\n"
        "udp:127.0.0.1:2223::  set=0 index=0 disabled=0 weight=1 recheck_ticks=0\n"
        "udp:192.0.2.7:2223::  set=0 index=1 disabled=1 weight=1 recheck_ticks=0\n\n"
    )
    assert run(Answering(media_nodes=[]), "nh_show_rtpp") == "200 OK\n\n"


def test_a_node_of_rtpengine_is_switched() -> None:
    process = Answering(media_enable=None)
    assert run(process, "nh_enable_rtpp", "udp:127.0.0.1:2223", "0") == "200 OK\n\n"
    assert run(process, "nh_enable_rtpp", "127.0.0.1:2223", "1") == "200 OK\n\n"
    asked = [{"node": "127.0.0.1:2223", "enabled": on} for on in (False, True)]
    assert process.asked == [("media_enable", each) for each in asked]
    assert run(process, "nh_enable_rtpp", "127.0.0.1:2223", "off") == "400 Bad parameter\n\n"
