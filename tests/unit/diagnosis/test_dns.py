from __future__ import annotations

from pathlib import Path

from appliance.diagnosis.dns import judge, look, name_servers
from tests.unit.diagnosis.made import STATUS, around

NAMED = ["example.org"]


def test_what_is_said_of_name_servers() -> None:
    assert judge({"192.0.2.53": True}, NAMED).what == "192.0.2.53 answers"
    none = judge({"192.0.2.53": False, "192.0.2.54": False}, NAMED)
    assert (none.state, none.todo.partition(";")[0]) == ("wrong", "See the way there: ping -c 3 192.0.2.53")
    one = judge({"192.0.2.53": False, "192.0.2.54": True}, NAMED)
    assert one.state == "wrong" and one.what.startswith("192.0.2.53 does not answer")
    own = judge({"[2001:db8::53]:5353": False}, NAMED, "dns.name_servers")
    assert own.todo.endswith(
        "ping -c 3 2001:db8::53; if it answers, name another server in dns.name_servers."
    )
    assert "ping -c 3 nonsense;" in judge({"nonsense": False}, NAMED).todo
    assert judge({}, NAMED).state == "off"
    assert judge({}, ["127.0.0.1", "[::1]"]).what.startswith("no names are needed")


def test_resolv_conf() -> None:
    text = "# x\nsearch example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver\n"
    assert name_servers(text) == ["192.0.2.53", "2001:db8::53"]


def test_none_is_asked_without_need(tmp_path: Path) -> None:
    assert look(around(tmp_path, {**STATUS, "domains": ["192.0.2.1"]})).state == "off"
    assert "names no server" in look(around(tmp_path, STATUS)).what
