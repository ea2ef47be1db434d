from __future__ import annotations

from pathlib import Path

from appliance.diagnosis import dns
from appliance.diagnosis.records import judge, look
from tests.harness.name_server import NameServer
from tests.unit.diagnosis.made import STATUS, around

HERE = "192.0.2.10"


def test_a_domain_that_leads_here() -> None:
    found = judge({"example.org": [f"udp:{HERE}:5060", "tcp:192.0.2.11:5060"], "example.net": []}, [HERE])
    assert (found.state, found.what) == ("ok", f"example.org leads to udp:{HERE}:5060")
    six = judge({"example.org": ["tls:[2001:db8::1]:5061"]}, ["2001:db8::1"])
    assert six.state == "ok"


def test_a_domain_that_leads_elsewhere_or_nowhere() -> None:
    elsewhere = judge({"example.org": ["udp:192.0.2.99:5060"]}, [HERE])
    assert elsewhere.state == "off"
    assert "no address of this box" in elsewhere.what
    assert judge({"example.org": []}, [HERE]).what.startswith("nobody finds example.org by name")


def test_addresses_need_no_records(tmp_path: Path) -> None:
    assert look(around(tmp_path, {**STATUS, "domains": ["192.0.2.1", "[::1]"]})).state == "off"


def test_the_dns_is_asked(tmp_path: Path) -> None:
    zone = {"_sip._udp.example.org SRV": ["1 1 5060 h.example.org."], "h.example.org A": [HERE]}
    with NameServer(zone) as server:
        text = f'[sip]\nlisten = ["udp:{HERE}:5060"]\n[dns]\nname_servers = ["{server.text}"]\n'
        found = look(around(tmp_path, STATUS, text))
        assert (found.state, found.what) == ("ok", f"example.org leads to udp:{HERE}:5060")
        asked = around(tmp_path, STATUS, text)
        assert dns.look(asked).what == f"{server.text} answers"
