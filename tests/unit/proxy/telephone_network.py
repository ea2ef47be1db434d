"""A stage with gateways to the telephone network: 10 may call local and long distance numbers, 11 nothing."""

from __future__ import annotations

from appliance.sip.hop import Hop
from appliance.storage.peers import Gateway, Route, Trusted
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

FIRST, SECOND = "198.51.100.9", "198.51.100.10"
GATEWAY = Hop("udp", FIRST, 5060)
OTHER_GATEWAY = Hop("udp", SECOND, 5060)
PHONE = Hop("udp", "192.0.2.11", 5060)


def row(number: int, host: str, group: int, **values: object) -> Gateway:
    fields = {
        "id": number, "name": f"gw{number}", "group": group, "group_name": "carrier", "host": host, "port": 0,
        "transport": "", "strip": 0, "prefix": "", "hostname": "",
    } | values  # fmt: skip
    return Gateway(**fields)  # type: ignore[arg-type]


GATEWAYS = (row(1, FIRST, 1), row(2, SECOND, 2))
ROUTES = (Route(1, "", "", 1, 10), Route(2, "", "", 2, 20))


def stage_with_gateways(**sections: dict[str, object]) -> Stage:
    stage = Stage(**sections)
    stage.add_user("10")
    stage.add_user("11")
    stage.rights["10"] = ("local", "ld")
    stage.peers(gateways=GATEWAYS, routes=ROUTES)
    return stage


def trust(stage: Stage, host: str, tag: str = "") -> None:
    stage.peers(gateways=GATEWAYS, routes=ROUTES, trusted=(Trusted(1, host, "any", "", tag),))


def dial(stage: Stage, number: str, caller: str = "10", **options: object) -> tuple[Message, list[Sent]]:
    """An INVITE for a number, its challenge answered; the request that was let in, and what left for it."""
    request = stage.request(
        "INVITE",
        f"sip:{number}@{DOMAIN}",
        caller=f"sip:{caller}@{DOMAIN}",
        **options,  # type: ignore[arg-type]
    )
    return stage.let_in(request, username=caller)


def to(sent: list[Sent], host: str) -> list[Message]:
    """The requests that went to this host."""
    return [each.message for each in sent if each.hop.host == host and not each.message.status]


def from_gateway(stage: Stage, number: str = "11", **options: object) -> list[Sent]:
    """An INVITE of the gateway for somebody here."""
    request = stage.request(
        "INVITE",
        f"sip:{number}@{DOMAIN}",
        caller=f"sip:+4930123@{FIRST}",
        source=FIRST,
        **options,  # type: ignore[arg-type]
    )
    return stage.receive(request, GATEWAY)


def answer(stage: Stage, request: Message, status: int, hop: Hop = GATEWAY) -> list[Sent]:
    return stage.receive(response_to(request, status, tag="gwtag"), hop)
