from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import Listener
from appliance.diagnosis.finding import Unknown
from appliance.diagnosis.kernel_sockets import Owner
from appliance.diagnosis.listeners import judge, look
from tests.unit.diagnosis.made import STATUS, around

UDP, TCP = Listener("udp", "192.0.2.1", 5060), Listener("tcp", "192.0.2.1", 5060)
START = "systemctl start sipbox.target"
OURS, INIT, OTHER = Owner(100, "sipbox"), Owner(1, "systemd"), Owner(77, "asterisk")


def test_listened_on_by_us_or_kept_by_systemd() -> None:
    heard = {UDP: {OURS}, TCP: {INIT, OURS}}
    assert judge([UDP, TCP], heard, {100}, START).what == "udp:192.0.2.1:5060, tcp:192.0.2.1:5060"
    assert judge([UDP], {UDP: {INIT}}, None, START).state == "ok"
    assert judge([UDP], {UDP: set()}, {100}, START).state == "ok"  # not ours to see, and the server answers


def test_tls_and_websocket_are_listened_on_by_tcp() -> None:
    wanted = [Listener("tls", "192.0.2.1", 5061), Listener("wss", "192.0.2.1", 8443)]
    heard = {Listener("tcp", "192.0.2.1", port): {OURS} for port in (5061, 8443)}
    found = judge(wanted, heard, {100}, START)
    assert (found.state, found.what) == ("ok", "tls:192.0.2.1:5061, wss:192.0.2.1:8443")
    taken = judge(wanted, heard | {Listener("tcp", "192.0.2.1", 8443): {OTHER}}, {100}, START)
    assert taken.what == "wss:192.0.2.1:8443 is taken by asterisk (process 77)"


def test_a_port_that_is_taken() -> None:
    for address in (UDP, Listener("udp", "0.0.0.0", 5060)):
        found = judge([UDP, TCP], {address: {OTHER}}, None, START)
        assert found.state == "wrong"
        assert found.what == "udp:192.0.2.1:5060 is taken by asterisk (process 77)"
        assert found.todo.startswith("End that,") and found.todo.endswith(f"then: {START}.")
    other_port = {Listener("udp", "0.0.0.0", 5070): {OTHER}}
    assert judge([UDP], other_port, None, START).state == "unknown"


def test_an_address_that_nobody_listens_on() -> None:
    found = judge([UDP, TCP], {UDP: {OURS}}, {100}, START)
    assert (found.state, found.what) == ("wrong", "nobody listens on tcp:192.0.2.1:5060")
    assert START in found.todo


def test_while_the_server_is_down_there_is_nobody() -> None:
    assert judge([UDP], {}, None, START).state == "unknown"
    assert judge([UDP], {UDP: set()}, None, START).what == "somebody listens there, and only root sees who"


def test_a_taken_port_is_seen_by_who_may_not_see_whose_it_is() -> None:
    """As the agent does: systemd has no socket of ours, and there is one."""
    everywhere = Listener("udp", "0.0.0.0", 5060)
    for heard in ({UDP: set[Owner]()}, {everywhere: set[Owner]()}):
        found = judge([UDP, TCP], heard, None, START, kept=False)
        assert (found.state, found.what) == ("wrong", "udp:192.0.2.1:5060 is taken by another program")
        assert found.todo.endswith(f"then: {START}.")
        assert judge([UDP], heard, None, START).state == "unknown"
    assert judge([UDP, TCP], {}, None, START, kept=False).state == "unknown"


def test_with_a_wrong_section_nothing_is_judged(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match=r"the section \[sip\] of the settings is wrong"):
        look(around(tmp_path, STATUS, lost=frozenset({"sip"})))
