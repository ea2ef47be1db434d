"""Requests of our own: what is checked, where they go, what is told of their answers."""

from __future__ import annotations

import gevent
import pytest

from appliance.errors import ControlError
from appliance.operations.uac import UserAgent
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from tests.unit.operations.conftest import Bench

HEADERS = "From: <sip:admin@example.org>\r\nTo: <sip:x@192.0.2.9>\r\n"
NONE = {"request_uri": None, "next_hop": None, "route_set": None}


def bind(bench: Bench, contact: str, hop: Hop | None = None, path: str | None = None) -> None:
    aor = AddressOfRecord("10", "example.org")
    bench.box.service.add(Binding(aor, contact, bench.now + 60, "c", 1, hop=hop, path=path))


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"ruri": "nonsense"}, 400, "Invalid RURI"),
        ({"ruri": "sip:x@192.0.2.9\r\nX-Evil: yes"}, 400, "Invalid RURI"),
        ({"ruri": "sip:x@192.0.2.9 SIP/2.0"}, 400, "Invalid RURI"),
        ({"method": "OPTIONS sip:a SIP/2.0\r\nX-Evil: yes\r\n"}, 400, "Invalid method"),
        ({"next_hop": "nonsense"}, 400, "Invalid NEXTHOP"),
        ({"socket": "udp:"}, 404, "Invalid local socket"),
        ({"socket": "udp:192.0.2.77:5060"}, 404, "Local socket not found"),
        ({"socket": "tcp:127.0.0.1:5061"}, 404, "Local socket not found"),
        ({"headers": "From <sip:a>\r\n"}, 400, "Bad headers"),
        ({"headers": "From: <sip:a@b>\r\n"}, 400, "To missing"),
        ({"headers": "To: <sip:a@b>\r\n"}, 400, "From missing"),
        ({"headers": None}, 400, "To missing"),
        ({"headers": "From: <sip:a@b\r\nTo: <sip:a@b>\r\n"}, 400, "Error in From"),
        ({"headers": HEADERS + "CSeq: x OPTIONS\r\n"}, 400, "Bad CSeq number"),
        ({"headers": HEADERS + "CSeq: 1 INVITE\r\n"}, 400, "CSeq method mismatch"),
        ({"body": "x"}, 400, "Content-Type missing"),
        (
            {"headers": HEADERS + "Content-Type: text/plain\r\nContent-Length: 1\r\n", "body": "x"},
            400,
            "Content-Length disallowed",
        ),
        ({"method": "OP TIONS"}, 400, "Invalid method"),
    ],
)
def test_what_is_wrong_is_said_in_opensers_words(
    bench: Bench, changed: dict[str, str | None], code: int, reason: str
) -> None:
    arguments = {"method": "OPTIONS", "ruri": "sip:x@192.0.2.9", "headers": HEADERS} | changed
    with pytest.raises(ControlError) as raised:
        UserAgent(bench.box).send(**arguments)  # type: ignore[arg-type]
    assert (raised.value.code, raised.value.reason) == (code, reason)
    assert bench.wire == []


def test_what_is_missing_is_added(bench: Bench) -> None:
    UserAgent(bench.box).send("OPTIONS", "sip:x@192.0.2.9", headers=HEADERS)
    request = bench.request()
    assert request.start_line == "OPTIONS sip:x@192.0.2.9 SIP/2.0"
    assert str(request.via).startswith("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK")
    assert request.from_tag
    assert request.to_tag is None
    assert request.call_id
    assert (request.cseq.number, request.cseq.method) == (10, "OPTIONS")
    assert request.first("max-forwards") == "70"
    assert request.first("content-length") == "0"
    assert request.first("user-agent") == "sipbox"


def test_what_is_given_stays(bench: Bench) -> None:
    headers = (
        "From: <sip:a@b>;tag=mine\r\nTo: <sip:c@d>;tag=theirs\r\nCall-ID: my-call\r\nCSeq: 7 NOTIFY\r\n"
        "Max-Forwards: 3\r\nUser-Agent: mine\r\nEvent: check-sync\r\nX-Folded: one\r\n two\r\n"
        "Content-Type: text/plain\r\n"
    )
    UserAgent(bench.box).send("NOTIFY", "sip:c@192.0.2.9", headers=headers, body="größer")
    request = bench.request()
    assert (request.from_tag, request.to_tag, request.call_id) == ("mine", "theirs", "my-call")
    assert (request.cseq.number, request.first("max-forwards")) == (7, "3")
    assert request.all("user-agent") == ["mine"]
    assert request.first("event") == "check-sync"
    assert request.first("x-folded") == "one two"
    assert request.body == "größer".encode()
    assert request.first("content-length") == "8"


def test_plain_line_ends_and_an_empty_line_that_ends_the_block(bench: Bench) -> None:
    UserAgent(bench.box).send(
        "OPTIONS", "sip:x@192.0.2.9", headers="From: <sip:a@b>\nTo: <sip:c@d>\n\nX-Not: there\n"
    )
    assert bench.request().first("x-not") is None


def test_two_exclamation_marks_are_our_own_address(bench: Bench) -> None:
    UserAgent(bench.box).send("OPTIONS", "sip:x@192.0.2.9", headers=HEADERS + "Contact: <sip:me@!!>\r\n")
    assert bench.request().first("contact") == "<sip:me@127.0.0.1:5060>"


def test_next_hop_and_socket_say_where_it_goes(bench: Bench) -> None:
    agent = UserAgent(bench.box)
    agent.send("OPTIONS", "sip:x@192.0.2.9", next_hop="sip:192.0.2.1:5099", headers=HEADERS)
    agent.send(
        "OPTIONS", "sip:x@192.0.2.9", next_hop="sip:[::2]:5098", socket="udp:[::1]:5070", headers=HEADERS
    )
    agent.send("OPTIONS", "sip:x@192.0.2.9", headers=HEADERS + "Route: <sip:192.0.2.3;lr>\r\n")
    assert [hop for _, hop in bench.wire] == [
        Hop("udp", "192.0.2.1", 5099, 0),
        Hop("udp", "::2", 5098, 2),
        Hop("udp", "192.0.2.3", 5060, 0),
    ]
    assert bench.request(0).uri_text == "sip:x@192.0.2.9"
    assert bench.request(1).via.sent_by == ("[::1]", 5070)


def test_a_user_of_ours_is_reached_at_his_contact(bench: Bench) -> None:
    flow = Hop("tcp", "192.0.2.5", 33333, 1, 4)
    bind(bench, "sip:10@192.168.1.5:5060;transport=tcp", flow, "<sip:edge.example.org;lr>")
    UserAgent(bench.box).send("OPTIONS", "sip:10@example.org", headers=HEADERS)
    assert bench.request().uri_text == "sip:10@192.168.1.5:5060;transport=tcp"
    assert bench.request().first("route") == "<sip:edge.example.org;lr>"
    assert bench.wire[0][1] == flow


@pytest.mark.parametrize(("profile", "status"), [("rfc3261", 480), ("openser12", 404)])
def test_a_user_of_ours_without_a_phone(bench: Bench, profile: str, status: int) -> None:
    box = bench.with_settings(profile=profile)
    (answer,) = UserAgent(box).send("OPTIONS", "sip:10@example.org", headers=HEADERS)
    assert (answer["status"], answer["headers"]) == (status, None)
    assert bench.wire == []


def test_answers_are_told_until_the_final_one(bench: Bench) -> None:
    answers = UserAgent(bench.box).send("INVITE", "sip:x@192.0.2.9", headers=HEADERS)
    invite = bench.request()
    bench.answer(invite, 180, "Ringing")
    bench.answer(invite, 486, "Busy Here")
    told = list(answers)
    assert [(each["status"], each["reason"]) for each in told] == [(180, "Ringing"), (486, "Busy Here")]
    assert told[0] | NONE == told[0]
    assert told[1]["headers"].startswith("Via: SIP/2.0/UDP 127.0.0.1:5060;branch=")
    assert told[1]["headers"].endswith("Content-Length: 0\r\n\r\n")


def test_a_2xx_makes_a_dialog_and_is_acknowledged(bench: Bench) -> None:
    answers = UserAgent(bench.box).send("INVITE", "sip:x@192.0.2.9", headers=HEADERS)
    bench.answer(
        bench.request(),
        200,
        "OK",
        "Contact: <sip:x@192.0.2.9:5099>",
        "Record-Route: <sip:192.0.2.2;lr>, <sip:192.0.2.1:5070;lr>",
    )
    (told,) = answers
    assert told["request_uri"] == "sip:x@192.0.2.9:5099"
    assert told["next_hop"] == "sip:192.0.2.1:5070;lr"
    assert told["route_set"] == "Route: <sip:192.0.2.1:5070;lr>, <sip:192.0.2.2;lr>"
    gevent.idle()
    ack = bench.request()
    assert isinstance(ack, Request)
    assert ack.start_line == "ACK sip:x@192.0.2.9:5099 SIP/2.0"
    assert ack.all("route") == ["<sip:192.0.2.1:5070;lr>", "<sip:192.0.2.2;lr>"]
    assert (ack.cseq.number, ack.cseq.method, ack.to_tag) == (10, "ACK", "t1")
    assert bench.wire[-1][1] == Hop("udp", "192.0.2.1", 5070, 0)


def test_nobody_answers(bench: Bench) -> None:
    answers = UserAgent(bench.box).send("OPTIONS", "sip:x@192.0.2.9", headers=HEADERS)
    bench.now += 33
    for _ in range(20):
        bench.transactions.wheel.advance(bench.now)
        bench.now += 4
    (told,) = answers
    assert (told["status"], told["reason"], told["headers"]) == (408, "Request Timeout", None)


@pytest.mark.parametrize(
    ("uri", "status", "reason"),
    [
        ("sip:x@nowhere.invalid", 404, "nowhere.invalid has no address"),
        ("sip:x@192.0.2.9:9;transport=tcp", 503, "Service Unavailable (Connection refused)"),
    ],
)
def test_no_way_to_the_next_hop(bench: Bench, uri: str, status: int, reason: str) -> None:
    (told,) = UserAgent(bench.box).send("OPTIONS", uri, headers=HEADERS)
    assert (told["status"], told["reason"]) == (status, reason)


def test_whoever_stops_listening_to_an_invite_cancels_it(bench: Bench) -> None:
    answers = UserAgent(bench.box).send("INVITE", "sip:x@192.0.2.9", headers=HEADERS)
    bench.answer(bench.request(), 180, "Ringing")
    assert next(answers)["status"] == 180
    answers.close()  # type: ignore[attr-defined]
    assert bench.request().method == "CANCEL"


def test_an_ack_is_sent_and_nothing_is_awaited(bench: Bench) -> None:
    assert list(UserAgent(bench.box).send("ACK", "sip:x@192.0.2.9", headers=HEADERS)) == []
    assert bench.request().method == "ACK"
    assert len(bench.transactions) == 0


def test_requests_of_our_own_are_counted(bench: Bench) -> None:
    agent = UserAgent(bench.box)
    for _ in range(3):
        agent.send("OPTIONS", "sip:x@192.0.2.9", headers=HEADERS)
    assert agent.sent == 3
