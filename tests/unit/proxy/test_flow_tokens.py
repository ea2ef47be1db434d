"""Flow tokens: what they hold, who can make them, and by which flow a phone is reached within its calls."""

from __future__ import annotations

import pytest

from appliance.proxy.flow_tokens import FlowTokens, wants_its_flow
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

ONE = "<urn:uuid:1>"
CALLER = Hop("tcp", "192.0.2.10", 40000, 1, 7)
CALLEE = Hop("tcp", "192.0.2.11", 41000, 1, 8)
TOKENS = FlowTokens(b"k" * 32)


@pytest.mark.parametrize(
    "hop",
    [
        CALLER,
        Hop("udp", "192.0.2.10", 5060),
        Hop("wss", "2001:db8::7", 65535, 3, (1 << 64) - 1),
    ],
)
def test_a_token_is_its_flow(hop: Hop) -> None:
    token = TOKENS.make(hop, "call")
    assert TOKENS.read(token, "call") == hop
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_nobody_else_makes_one_and_none_is_good_elsewhere() -> None:
    token = TOKENS.make(CALLER, "call")
    assert TOKENS.read(token, "other call") is None
    assert FlowTokens(b"x" * 32).read(token, "call") is None
    for place in range(len(token)):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert TOKENS.read(forged, "call") is None


@pytest.mark.parametrize("token", ["", "A", "=", "ü", "A" * 65, "AAAA", "%%%%"])
def test_what_is_no_token(token: str) -> None:
    assert TOKENS.read(token, "call") is None


@pytest.mark.parametrize(
    ("contact", "vias", "wanted"),
    [
        ("<sip:10@192.0.2.10;ob>", 1, True),
        ("<sip:10@192.0.2.10>;ob", 1, False),
        ("<sip:10@192.0.2.10;obscure>", 1, False),
        ("<sip:10@192.0.2.10;ob>", 2, False),
        ("<sip:10@192.0.2.10;ob", 1, False),
        (None, 1, False),
    ],
)
def test_who_asks_for_his_flow(contact: str | None, vias: int, wanted: bool) -> None:
    headers = [("Via", f"SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK{number}") for number in range(vias)]
    headers += [] if contact is None else [("Contact", contact)]
    assert wants_its_flow(Request.create("INVITE", "sip:11@example.org", headers)) is wanted


class Call:
    """10 calls 11; both have a connection, and want their dialogs by it."""

    def __init__(self, **settings: object) -> None:
        self.stage = stage = Stage(registrar=settings)  # type: ignore[arg-type]
        stage.add_user("10")
        stage.bind("11", "sip:11@10.0.0.11;ob", instance=ONE, reg_id=1, hop=CALLEE)
        stage.bind("10", "sip:10@10.0.0.10;ob", instance="<urn:uuid:2>", reg_id=1, hop=CALLER)
        request = stage.request("INVITE", call_id="call")
        request = request.with_header("Contact", "<sip:10@10.0.0.10;ob>")
        _, sent = stage.let_in(request, CALLER)
        copy = next(each.message for each in sent if each.message.method == "INVITE")
        (answer,) = stage.receive(response_to(copy, 200, tag="b"), CALLEE)
        self.routes = answer.message.all("Record-Route")

    def within(self, method: str = "BYE", *, from_callee: bool = False, **options: object) -> Message:
        routes = [("Route", route) for route in options.pop("routes", self.routes)]  # type: ignore[attr-defined]
        ten, eleven = f"sip:10@{DOMAIN}", f"sip:11@{DOMAIN}"
        if not from_callee:
            return self.stage.request(
                method, "sip:11@10.0.0.11;ob", to=eleven, to_tag="b", call_id="call", cseq=9, headers=routes
            )
        made = self.stage.request(
            method,
            "sip:10@10.0.0.10;ob",
            caller=eleven,
            to=ten,
            to_tag="fromcall",
            call_id="call",
            headers=routes,
        )
        return made.with_header("From", f"<{eleven}>;tag=b")

    def sent(self, message: Message, hop: Hop) -> list[Sent]:
        return self.stage.receive(message, hop)


@pytest.mark.parametrize(
    ("from_callee", "hop", "expected"), [(False, CALLER, CALLEE), (True, CALLEE, CALLER)]
)
def test_each_side_is_reached_by_its_flow(from_callee: bool, hop: Hop, expected: Hop) -> None:
    call = Call()
    (sent,) = call.sent(call.within(from_callee=from_callee), hop)
    assert sent.message.method == "BYE"
    assert sent.hop == expected


def test_a_flow_that_is_gone_is_told_so() -> None:
    call = Call()
    call.stage.unreachable.add((CALLEE.host, CALLEE.port))
    (answer,) = call.sent(call.within(), CALLER)
    assert (answer.message.status, answer.message.start_line.split(" ", 2)[2]) == (430, "Flow Failed")


def test_a_newer_flow_of_the_phone_is_as_good() -> None:
    call = Call()
    anew = CALLEE._replace(port=42000, connection=9)
    call.stage.core.locations.drop("11sip:11@10.0.0.11;ob")
    call.stage.bind("11", "sip:11@10.0.0.11;ob", instance=ONE, reg_id=1, hop=anew)
    call.stage.unreachable.add((CALLEE.host, CALLEE.port))
    (sent,) = call.sent(call.within(), CALLER)
    assert (sent.message.method, sent.hop) == ("BYE", anew)


def test_a_token_of_another_dialog_is_forged() -> None:
    call = Call()
    other = FlowTokens(b"x" * 32).make(CALLEE, "call")
    routes = [route.partition(";fo=")[0] + f";fo={other}>" for route in call.routes]
    (answer,) = call.sent(call.within(routes=routes), CALLER)
    assert answer.message.status == 403
    assert call.stage.metrics.messages_rejected["acl"] == 1


def test_where_it_is_off_no_route_names_a_flow() -> None:
    assert not [route for route in Call(outbound=False).routes if ";fi=" in route or ";fo=" in route]
    named = [route for route in Call().routes if ";fi=" in route and ";fo=" in route]
    assert named


def test_phones_that_do_not_ask_are_not_named() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(stage.request("INVITE"))
    copy = next(each.message for each in sent if each.message.method == "INVITE")
    assert not [route for route in copy.all("Record-Route") if ";fi=" in route or ";fo=" in route]
