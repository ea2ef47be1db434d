from __future__ import annotations

from pathlib import Path

import pytest

from appliance.diagnosis import CHECKS, features
from appliance.diagnosis.finding import Unknown
from tests.unit.diagnosis.made import STATUS, around, settings

PEER = {"address": "192.0.2.1"}


def test_protocol() -> None:
    assert features.protocol(settings()).what == (
        "profile rfc3261, up to 65535 bytes, 70 hops, any session timer"
    )
    text = '[sip]\nprofile = "openser12"\nmin_session_seconds = 90\nsend_to_private = false\n'
    assert features.protocol(settings(text)).what == (
        "profile openser12, up to 65535 bytes, 70 hops, session timers of 90 s or more;"
        " nothing is sent into private networks"
    )


def test_forwarding() -> None:
    found = features.forwarding(settings())
    assert (found.state, found.what) == ("ok", "on: up to 5 times; no voicemail; speed dials by 302")
    mailbox = settings('[forwarding]\nvoicemail = "sip:{user}@192.0.2.8"\nspeed_dial = "off"\n')
    assert "voicemail at sip:{user}@192.0.2.8; no speed dials" in features.forwarding(mailbox).what
    assert features.forwarding(settings("[forwarding]\nmost = 0\n")).state == "off"


def test_messages_and_presence() -> None:
    assert features.messages(settings()).what == "on: 20 for a user who is away, for 3 days"
    assert features.messages(settings("[messages]\nkept = 0\n")).state == "off"
    assert features.presence(settings()).state == "off"
    asked = features.presence(settings('[presence]\nserver = "192.0.2.7"\n'))
    assert asked.state == "ok" and asked.what.startswith("on: 192.0.2.7 is asked for presence,")


def test_trusted() -> None:
    assert features.trusted([], [{"group": 2}], 1).state == "off"
    assert features.trusted([], [{"group": 0}], 0).state == "off"
    found = features.trusted([PEER], [{"group": 1}, {"group": 1}], 1)
    assert found.what == "on: 1 peer and 2 addresses need no password"


def test_numbers_in_the_dns() -> None:
    assert features.numbers(settings(), {}).state == "off"
    wanted = settings('[enum]\nsuffix = "e164.arpa"\nname_servers = ["192.0.2.53"]\n')
    assert (
        features.numbers(wanted, {}).what == "on: under e164.arpa, the machine's own name servers are asked"
    )
    asked = features.numbers(wanted, {"192.0.2.53 port 53": True})
    assert asked.what == "on: under e164.arpa, 192.0.2.53 port 53 are asked"
    silent = features.numbers(wanted, {"192.0.2.53 port 53": False})
    assert (
        silent.state == "wrong" and "wait for 2 s" in silent.what and "ping -c 3 192.0.2.53;" in silent.todo
    )


def test_prefixes_of_other_sites() -> None:
    assert features.prefixes([]).state == "off"
    assert features.prefixes([{}, {}]).what == "on: 2 prefixes of other sites"


def test_destinations() -> None:
    assert features.destinations([], settings()).what == "on: none has failed lately"
    failed = [{"transport": "udp", "host": "192.0.2.5", "port": 5060, "seconds": 40}]
    assert features.destinations(failed, settings()).what == (
        "on: udp:192.0.2.5:5060 did not answer, and comes last"
    )
    switched_off = settings("[sip]\nfailed_destination_seconds = 0\n")
    assert features.destinations([], switched_off).state == "off"


def test_phones() -> None:
    served = settings('[phones]\nhttp = "192.0.2.1:8088"\nurl = "http://192.0.2.1:8088"\npnp = true\n')
    assert features.phones(settings(), "", "r").state == "off"
    assert (
        features.phones(served, "", "r").what
        == "on: configurations at http://192.0.2.1:8088, and by multicast"
    )
    found = features.phones(served, "Connection refused", "systemctl restart sipbox-agent")
    assert found.state == "wrong" and "systemctl restart sipbox-agent" in found.todo


def test_they_are_told_while_the_server_is_down(tmp_path: Path) -> None:
    here = around(tmp_path)
    for part in ("protocol", "forwarding", "messages"):
        assert CHECKS[part](here).state == "ok"
    for part in ("presence", "phones", "enum"):
        assert CHECKS[part](here).state == "off"
    for part in ("trusted", "destinations", "prefixes"):
        with pytest.raises(Unknown, match="the server does not answer"):
            CHECKS[part](here)


def test_rows_are_the_server_s_word(tmp_path: Path) -> None:
    answers = {"trusted": [PEER], "addresses": [], "failed_destinations": [], "prefixes": [{}]}
    here = around(tmp_path, STATUS, answers=answers)
    assert CHECKS["trusted"](here).state == "ok"
    assert CHECKS["destinations"](here).state == "ok"
    assert CHECKS["prefixes"](here).state == "ok"
