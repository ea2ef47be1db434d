"""What is said of domains, NAT, media, gateways, neighbours and the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.diagnosis import agent, domains, gateways, media, nat, replication
from appliance.diagnosis.finding import Unknown
from tests.unit.diagnosis.made import STATUS, around, settings

NEIGHBOURS = '[replication]\ngroup = "239.255.80.1"\ninterface = "192.0.2.1"\nkey_file = "/k"\n'


def test_domains() -> None:
    assert domains.judge(["example.org", "example.net"], "off").what == (
        "on: example.org, example.net; others may call in, ours may call out"
    )
    assert "walled garden" in domains.judge(["example.org"], "both").what
    nobody = domains.judge([], "off")
    assert (nobody.state, nobody.todo) == ("wrong", "sipbox domain add example.org")


def test_nat() -> None:
    found = nat.judge(settings(), 2, 0.0)
    assert found.what == "on: told by contact, via, port, maddr; OPTIONS every 20 s, 2 phones now"
    quiet = settings('[nat]\nkeepalive = "off"\n[sip]\nadvertise = ["203.0.113.7"]\n')
    assert nat.judge(quiet, None, 0.0).what.endswith("maddr; no keep-alives; advertised as 203.0.113.7")
    assert nat.judge(settings("[nat]\ndetect = false\n"), 0, 0.0).state == "off"


def test_keepalives_that_are_late() -> None:
    found = nat.judge(settings(), 9000, 14.2)
    assert (found.state, found.what.partition(":")[0]) == (
        "wrong",
        "keep-alives to 9000 phones are 14 s late",
    )
    assert "nat.keepalives_per_second" in found.todo


def test_media() -> None:
    always = settings('[media]\nmode = "always"\n')
    assert media.judge(settings(), {}).state == "off"
    assert media.judge(always, {"a": True}).what == "on: all calls; rtpengine answers at a"
    some = media.judge(always, {"a": False, "b": True})
    assert some.what == "no answer from rtpengine at a: the others take its calls"
    none = media.judge(always, {"a": False})
    assert (none.state, none.what) == (
        "wrong",
        "no answer from rtpengine at a: calls that need it are refused",
    )
    assert "systemctl restart rtpengine-daemon" in none.todo
    passing = settings('[media]\nmode = "nated"\nwhen_away = "pass"\n')
    assert "calls go on, perhaps without sound" in media.judge(passing, {"a": False}).what


def gateway(**changes: Any) -> dict[str, Any]:
    usual = {"name": "carrier", "host": "192.0.2.9", "port": 0, "transport": "udp", "rests": 0}
    return {**usual, "failed_ago": None, **changes}


def test_gateways() -> None:
    assert gateways.judge([], 0).state == "off"
    assert gateways.judge([gateway()], 2).what == "on: carrier, 2 routes, none has failed"
    healed = gateways.judge([gateway(failed_ago=900)], 1)
    assert healed.what == "on: carrier, 1 route; the last failure was 15 min ago"
    assert gateways.judge([gateway()], 0).todo == "Send all numbers there: sipbox route add any carrier."


def test_a_gateway_that_failed() -> None:
    failed = gateway(rests=41, failed_ago=19, port=5080, transport="tcp")
    found = gateways.judge([failed], 1)
    assert found.what == "1 gateway of 1 failed, 19 s ago: carrier; there is no other one"
    assert found.todo.startswith("Ask it: sipbox ping 'sip:192.0.2.9:5080;transport=tcp';")
    assert gateways.judge([failed, gateway()], 1).what.endswith("; others come first")


def test_replication() -> None:
    assert replication.judge(settings(), {}, 0).state == "off"
    wanted = settings(NEIGHBOURS)
    assert replication.judge(wanted, {"b": True}, 0).what == (
        "on: multicast group 239.255.80.1; 1 neighbour heard of: b"
    )
    silent = replication.judge(wanted, {"b": True, "c": False}, 0)
    assert silent.state == "wrong" and silent.what.startswith("nothing is heard of c:")
    behind = replication.judge(wanted, {"b": True, "c": True}, 0, {"b": 0.2, "c": 7.4})
    assert behind.state == "wrong"
    assert behind.what == "since 7 s something that c has told is not known here"
    assert "ping c" in behind.todo
    assert replication.judge(wanted, {"b": True}, 0, {"b": 1.9}).state == "ok"
    alone = replication.judge(wanted, {}, 3)
    assert alone.state == "wrong" and "3 packets were not believed" in alone.what


def test_agent() -> None:
    section = settings().agent
    good = agent.Seen("", says_up=True, fifo=True)
    assert agent.judge(section, good, server=True, restart="r").state == "ok"
    for seen, server, words in (
        (good._replace(metrics="Connection refused"), True, "no metrics at http://127.0.0.1:8080/metrics"),
        (good._replace(says_up=False), True, "the agent does not reach the server"),
        (good._replace(fifo=False), True, "there is no FIFO /run/sipbox/fifo"),
    ):
        found = agent.judge(section, seen, server=server, restart="systemctl restart sipbox-agent")
        assert found.state == "wrong" and found.what.startswith(words)
        assert "systemctl restart sipbox-agent" in found.todo
    assert agent.judge(section, good._replace(says_up=False), server=False, restart="r").state == "ok"
    nothing = settings('[agent]\nhttp = ""\nfifo = ""\n').agent
    assert agent.judge(nothing, good, server=True, restart="r").state == "off"


@pytest.mark.parametrize("part", [gateways, nat])
def test_while_the_server_is_down(part: Any, tmp_path: Path) -> None:
    if part is nat:
        assert part.look(around(tmp_path)).state == "ok"
        return
    with pytest.raises(Unknown, match="the server does not answer"):
        part.look(around(tmp_path))


def test_media_and_neighbours_are_the_server_s_word(tmp_path: Path) -> None:
    told = {**STATUS, "media": {"mode": "always", "nodes": {"a": False}}, "neighbours": {"b": True}}
    text = '[media]\nmode = "always"\n' + NEIGHBOURS
    answers: dict[str, Any] = {"metrics": {"snapshot": {}}}
    late: dict[str, Any] = {"metrics": {"snapshot": {"sipbox_neighbour_lag_seconds": [[["b"], 30.0]]}}}
    assert media.look(around(tmp_path, told, text)).state == "wrong"
    assert replication.look(around(tmp_path, told, text, answers=answers)).state == "ok"
    assert "b has told" in replication.look(around(tmp_path, told, text, answers=late)).what
