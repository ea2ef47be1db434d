"""Whose Path is believed for phones that know nothing of it, and how calls go by it."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.storage.peers import Gateway, Trusted
from tests.unit.proxy.stage import DOMAIN, Stage

EDGE = Hop("udp", "192.0.2.7", 5060)
PATH = ("Path", "<sip:192.0.2.7;lr>")


def registers(stage: Stage, hop: Hop, path: tuple[str, str] = PATH) -> int:
    stage.add_user("11")
    request = stage.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"sip:11@{DOMAIN}", caller=f"sip:11@{DOMAIN}", headers=[path]
    )
    _, sent = stage.let_in(request, hop, username="11")
    return sent[-1].message.status


@pytest.mark.parametrize(
    ("networks", "hop", "status"),
    [
        (("192.0.2.7",), EDGE, 200),
        (("192.0.2.0/28",), EDGE, 200),
        (("192.0.2.7",), Hop("udp", "192.0.2.10", 5060), 420),
        ((), EDGE, 420),
    ],
)
def test_an_edge_proxy_of_the_settings(networks: tuple[str, ...], hop: Hop, status: int) -> None:
    assert registers(Stage(registrar={"edge_proxies": networks}), hop) == status


def test_a_trusted_peer_is_as_good() -> None:
    stage = Stage()
    stage.peers(trusted=[Trusted(1, "192.0.2.7", "any", "", "")])
    assert registers(stage, EDGE) == 200


def test_a_call_goes_by_the_path() -> None:
    stage = Stage(registrar={"edge_proxies": ("192.0.2.7",)})
    registers(stage, EDGE)
    stage.add_user("10")
    _, sent = stage.let_in(stage.request("INVITE"))
    invite = next(each for each in sent if each.message.method == "INVITE")
    assert invite.hop[:3] == EDGE[:3]
    assert invite.message.get("Route") == PATH[1]


def test_its_calls_are_asked_for_a_password_all_the_same() -> None:
    stage = Stage(registrar={"edge_proxies": ("192.0.2.7",)})
    (reply,) = stage.receive(stage.request("INVITE"), EDGE)
    assert reply.message.status == 407


@pytest.mark.parametrize("path", ["<sip:192.0.2.1;lr>", "<sip:192.0.2.1;lr;ftag=x;sig=0123456789>"])
def test_a_path_that_leads_back_here_lets_nobody_in(path: str) -> None:
    """A hijacker's try to have us send something to ourselves that is believed then."""
    stage = Stage(registrar={"edge_proxies": ("192.0.2.7",)})
    registers(stage, EDGE, ("Path", path))
    stage.add_user("10")
    _, sent = stage.let_in(stage.request("INVITE"))
    invite = next(each for each in sent if each.message.method == "INVITE")
    (answer, *more) = stage.receive(invite.message.encode(), Hop("udp", "192.0.2.1", 5060))
    assert answer.message.status in (403, 407, 482)
    assert more == []


def test_a_path_to_a_gateway_gets_no_further() -> None:
    stage = Stage(registrar={"edge_proxies": ("192.0.2.7",)})
    stage.peers(gateways=[Gateway(1, "gw", 1, "group", "192.0.2.50", 5060, "", 0, "", "")])
    registers(stage, EDGE, ("Path", "<sip:192.0.2.50;lr>"))
    stage.add_user("10")
    _, sent = stage.let_in(stage.request("INVITE"))
    assert not [each for each in sent if each.hop.host == "192.0.2.50"]
    assert sent[-1].message.status == 403
