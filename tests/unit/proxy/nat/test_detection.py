"""Who is behind a NAT, and what is set right for that: the four tests of the seed, one by one."""

from __future__ import annotations

import pytest

from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.nat.detection import TESTS, NatTest, behind_nat, fix_nated_contact, is_private
from appliance.proxy.replies import PROFILES
from appliance.proxy.target import Target
from appliance.registrar.binding import NATED
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.telemetry.metrics import Metrics
from appliance.transaction.table import TransactionTable
from tests.harness.message import Message, address_of
from tests.unit.proxy.stage import DOMAIN, PROXY, Sent, Stage, cancel_of, response_to

NAT = Hop("udp", "198.51.100.7", 40112)
OTHER_NAT = Hop("udp", "203.0.113.9", 31007)
OPEN = Hop("udp", "192.0.2.10", 5060)


ANSWERS = Answers(
    TransactionTable(lambda *_: None),
    lambda *_: None,
    Metrics(),
    PROFILES["rfc3261"],
    b"k" * 16,
    "",
)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.add_user("11")
    return stage


def only(sent: list[Sent]) -> Message:
    assert len(sent) == 1, [str(each.message) for each in sent]
    return sent[0].message


def from_behind(message: Message, contact: str = "<sip:10@192.168.1.20:5060>") -> Message:
    """The same as a phone with a private address writes it, that knows nothing of its NAT."""
    via = message.get("Via").replace("192.0.2.10", "192.168.1.20:5060")
    return message.with_header("Via", via).with_header("Contact", contact)


def register(stage: Stage, **options: object) -> Message:
    return stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}", **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ what is private


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.20",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.7.7",
        "fd00::1",
        "fc12::1",
        "fe80::1",
    ],
)
def test_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        *("9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1", "192.167.0.1", "100.63.0.1"),
        *("100.128.0.1", "2001:db8::1", "phone.local", ""),
    ],
)
def test_not_private(address: str) -> None:
    assert not is_private(address)


# ----------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize(
    ("name", "via", "contact", "hop"),
    [
        ("contact", "198.51.100.7:40112", "<sip:10@192.168.1.20>", NAT),
        ("contact", "198.51.100.7:40112", "<sip:10@100.64.3.4>", NAT),
        ("contact", "198.51.100.7:40112", '"Ten" <sip:10@10.1.2.3:5062;line=1>;q=0.5', NAT),
        # The address of the source is the beginning of the phone's.
        ("contact", "10.0.0.1:40112", "<sip:10@10.0.0.10>", Hop("udp", "10.0.0.1", 40112)),
        ("contact", "[2001:db8::7]", "<sip:10@[fd00::20]>", Hop("udp", "2001:db8::7", 5060)),
        ("contact", "198.51.100.7", "<sip:10@192.168.1.20;transport=tcp>", Hop("tcp", "198.51.100.7", 4000)),
        ("via", "192.0.2.99:40112", "<sip:10@198.51.100.7:40112>", NAT),
        ("via", "phone.example.org:40112", "<sip:10@198.51.100.7:40112>", NAT),
        ("port", "198.51.100.7:5060", "<sip:10@198.51.100.7:40112>", NAT),
        ("port", "198.51.100.7", "<sip:10@198.51.100.7:40112>", NAT),
        ("maddr", "198.51.100.7:40112", "<sip:10@198.51.100.7:40112;maddr=192.0.2.66>", NAT),
    ],
)
def test_each_test_alone_tells_it(name: str, via: str, contact: str, hop: Hop) -> None:
    for tests, nated in (((name,), True), (TESTS, True), ([each for each in TESTS if each != name], False)):
        stage = Stage(nat={"tests": tuple(tests)})
        stage.add_user("10")
        request = register(stage).with_header("Contact", contact)
        request = request.with_header("Via", f"SIP/2.0/{hop.transport.upper()} {via};branch=z9hG4bKx;rport")
        request, sent = stage.let_in(request, hop)
        assert only(sent).status == 200
        (binding,) = stage.core.locations
        assert binding.nated is nated, (tests, binding)


@pytest.mark.parametrize(
    ("via", "contact", "hop"),
    [
        # The box is in the same private network: nothing stands between.
        ("192.168.1.20:5060", "<sip:10@192.168.1.20:5060>", Hop("udp", "192.168.1.20", 5060)),
        ("192.168.1.20:5060", "<sip:10@192.168.1.20>", Hop("tcp", "192.168.1.20", 43000)),
        ("[fd00::20]", "<sip:10@[fd00::20]>", Hop("udp", "fd00::20", 5060)),
        ("198.51.100.7:40112", "<sip:10@phone.example.org>", NAT),
        ("198.51.100.7:40112", "<sip:10@198.51.100.7;ob>", NAT),
        ("198.51.100.7:40112", "*", NAT),
    ],
)
def test_who_is_not_behind_one(via: str, contact: str, hop: Hop) -> None:
    stage = Stage()
    stage.add_user("10")
    request = register(stage).with_header("Contact", contact).with_header("Expires", "0")
    request = request.with_header("Via", f"SIP/2.0/{hop.transport.upper()} {via};branch=z9hG4bKx;rport")
    _, sent = stage.let_in(request.without("Max-Forwards"), hop)
    assert only(sent).status == 200
    request = stage.request("INVITE", cseq=7).with_header("Contact", contact)
    request = request.with_header("Via", f"SIP/2.0/{hop.transport.upper()} {via};branch=z9hG4bKy;rport")
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(request, hop)
    invite = next(
        each.message for each in sent if each.message.method == "INVITE" and each.message.is_request
    )
    assert invite.get("Contact") == contact
    assert all("flags" not in route for route in invite.all("Record-Route"))


@pytest.mark.parametrize("in_one_line", [True, False])
def test_what_came_by_another_proxy_is_that_ones_to_set_right(stage: Stage, in_one_line: bool) -> None:
    stage.bind("11", "sip:11@192.0.2.11")
    request = stage.request("INVITE", caller="sip:bob@elsewhere.example")
    request = request.with_header("Contact", "<sip:bob@192.168.1.20>")
    vias = ["SIP/2.0/UDP proxy.elsewhere.example;branch=z9hG4bKp", "SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKq"]
    lines = [("Via", ", ".join(vias))] if in_one_line else [("Via", via) for via in vias]
    request = Message(request.start_line, (*lines, *request.without("Via").headers))
    invite = stage.receive(request, NAT)[0].message
    assert invite.get("Contact") == "<sip:bob@192.168.1.20>"
    assert "flags" not in invite.get("Record-Route")


# -------------------------------------------------------------------------------------- REGISTER and calls


def test_a_registration_keeps_the_flow(stage: Stage) -> None:
    _, sent = stage.let_in(from_behind(register(stage)), NAT)
    assert only(sent).get("Contact").startswith("<sip:10@192.168.1.20:5060>")  # as it was written
    (binding,) = stage.core.locations
    assert binding.received == "sip:198.51.100.7:40112"
    assert binding.hop == NAT
    assert binding.cflags == NATED == 64
    assert binding.socket == f"udp:{PROXY}:5060"


def test_a_registration_by_way_of_an_edge_proxy_has_its_flow_there(stage: Stage) -> None:
    request = from_behind(
        register(stage, headers=[("Path", "<sip:edge.example.org;lr>"), ("Supported", "path")])
    )
    stage.let_in(request, NAT)
    (binding,) = stage.core.locations
    assert (binding.nated, binding.received, binding.hop) == (False, None, None)


def test_replies_go_where_the_phone_sends_from_though_it_did_not_ask(stage: Stage) -> None:
    """RFC 3581's rport, for phones that do not know it; a CANCEL comes out like its INVITE."""
    request = from_behind(stage.request("INVITE"))
    request = request.with_header("Via", request.get("Via").removesuffix(";rport"))
    (challenge,) = stage.receive(request, NAT)
    assert challenge.hop == NAT
    assert challenge.message.get("Via").endswith(";received=198.51.100.7;rport=40112")
    stage.bind("11", "sip:11@192.0.2.11")
    invite = stage.answered(request, challenge.message)
    (out, _) = stage.receive(invite, NAT)
    stage.receive(response_to(out.message, 180))
    sent = stage.receive(cancel_of(invite), NAT)
    cancel = next(each.message for each in sent if each.message.start_line.startswith("CANCEL"))
    assert cancel.branches[0] == out.message.branches[0]
    stage.restarted()
    stage.bind("11", "sip:11@192.0.2.11")
    sent = stage.receive(cancel_of(invite), NAT)
    assert sent[0].message.branches[0] == out.message.branches[0]


def test_a_phone_that_sends_from_another_port_is_left_alone_without_the_test() -> None:
    stage = Stage(nat={"tests": ("contact", "maddr")})
    request = stage.request("OPTIONS", f"sip:{DOMAIN}")
    request = request.with_header("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx")
    (reply,) = stage.receive(request, Hop("udp", "192.0.2.10", 49000))
    assert reply.hop.port == 5060


class Call:
    """A call from a phone behind one NAT to a phone behind another one, or to one that is behind none."""

    def __init__(self, stage: Stage, *, caller: Hop = NAT, callee: Hop = OTHER_NAT) -> None:
        self.stage, self.caller, self.callee = stage, caller, callee
        options = {"hop": callee, "cflags": NATED} if callee is OTHER_NAT else {}
        stage.bind("11", "sip:11@172.16.5.5:5070", **options)
        request = stage.request("INVITE")
        self.invite, sent = stage.let_in(from_behind(request) if caller is NAT else request, caller)
        (self.out,) = [each for each in sent if each.message.is_request]
        answer = response_to(self.out.message, 200, headers=[("Contact", "<sip:11@172.16.5.5:5070;ob>")])
        (self.back,) = stage.receive(answer, callee)
        self.routes = self.back.message.all("Record-Route")

    def within(self, method: str, *, of_caller: bool, contact: str | None = None) -> Sent:
        """What becomes of a request in the dialog."""
        out, back = self.out.message, self.back.message
        target = address_of((back if of_caller else out).get("Contact"))
        ends = (back.get("From"), back.get("To"))
        routes = self.routes[::-1] if of_caller else self.routes
        request = self.stage.request(method, target, call_id=out.call_id, cseq=9)
        request = request.with_header("From", ends[0 if of_caller else 1])
        request = request.with_header("To", ends[1 if of_caller else 0])
        request = request.with_header("Contact", contact) if contact else request.without("Contact")
        request = Message(request.start_line, (*(("Route", route) for route in routes), *request.headers))
        sent = self.stage.receive(request, self.caller if of_caller else self.callee)
        return next(each for each in sent if each.message.is_request)


def test_both_contacts_of_a_call_lead_to_the_flows(stage: Stage) -> None:
    call = Call(stage)
    assert call.out.hop == OTHER_NAT
    assert call.out.message.get("Contact") == "<sip:10@198.51.100.7:40112>"
    assert call.back.message.get("Contact") == "<sip:11@203.0.113.9:31007;ob>"
    assert ";flags=nm;" in call.out.message.get("Record-Route")


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "ACK"])
@pytest.mark.parametrize("of_caller", [True, False])
def test_requests_in_the_dialog_find_the_flow(stage: Stage, method: str, of_caller: bool) -> None:
    call = Call(stage)
    sent = call.within(method, of_caller=of_caller)
    assert sent.hop[:3] == (OTHER_NAT if of_caller else NAT)[:3]


def test_the_cookie_sets_the_contact_right_where_no_test_would(stage: Stage) -> None:
    """A phone that has learned its public address by STUN writes it, with a port that is not its flow's."""
    call = Call(stage)
    sent = call.within("INVITE", of_caller=True, contact="<sip:10@198.51.100.7:5060>")
    assert sent.message.get("Contact") == "<sip:10@198.51.100.7:40112>"
    sent = call.within("INVITE", of_caller=False, contact="<sip:11@203.0.113.9:5060>")
    assert sent.message.get("Contact") == "<sip:11@203.0.113.9:31007>"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_in_a_call_a_phone_is_found_by_the_flow_that_it_has_registered_with_since(
    stage: Stage, transport: str
) -> None:
    """Its NAT was switched off and on, or its connection ended."""
    call = Call(stage)
    anew = Hop(transport, "203.0.113.77", 31999, 0 if transport == "udp" else 1, 9)
    for binding in stage.core.locations:
        stage.core.locations.drop(binding.ruid)
    stage.bind("11", "sip:11@172.16.5.5:5070", hop=anew, cflags=NATED)
    sent = call.within("BYE", of_caller=True)
    assert sent.hop == anew
    assert sent.message.uri == "sip:11@203.0.113.9:31007;ob"  # as the call has it


def test_nobody_guesses_which_of_several_phones_has_the_call(stage: Stage) -> None:
    call = Call(stage)
    for binding in stage.core.locations:
        stage.core.locations.drop(binding.ruid)
    for port in (31998, 31999):
        hop = Hop("udp", "203.0.113.77", port, 0)
        stage.bind("11", f"sip:11@172.16.5.5:{port}", hop=hop, cflags=NATED)
    assert call.within("BYE", of_caller=True).hop[:3] == OTHER_NAT[:3]
    stage.bind("11", "sip:11@172.16.5.5:5070", hop=OTHER_NAT, cflags=NATED)
    assert call.within("INFO", of_caller=True).hop == OTHER_NAT  # its old flow stands


def test_a_phone_with_another_name_has_not_the_call(stage: Stage) -> None:
    call = Call(stage)
    for binding in stage.core.locations:
        stage.core.locations.drop(binding.ruid)
    stage.bind("11", "sip:mobile@172.16.5.9", hop=Hop("udp", "203.0.113.77", 31999, 0), cflags=NATED)
    assert call.within("BYE", of_caller=True).hop[:3] == OTHER_NAT[:3]


def test_no_flags_where_nobody_is_behind_a_nat(stage: Stage) -> None:
    call = Call(stage, caller=OPEN, callee=Hop("udp", "172.16.5.5", 5070))
    assert "flags" not in call.out.message.get("Record-Route")
    assert call.back.message.get("Contact") == "<sip:11@172.16.5.5:5070;ob>"
    assert call.within("BYE", of_caller=True).hop[:3] == ("udp", "172.16.5.5", 5070)


def test_invented_flags_break_the_signature(stage: Stage) -> None:
    call = Call(stage, caller=OPEN, callee=Hop("udp", "172.16.5.5", 5070))
    call.routes = [route.replace(";sig=", ";flags=m;sig=") for route in call.routes]
    with pytest.raises(StopIteration):
        call.within("BYE", of_caller=True)


def test_a_foreign_phone_behind_a_nat_is_told_by_its_reply(stage: Stage) -> None:
    request = stage.request("INVITE", "sip:bob@198.51.100.7:40112")
    _, sent = stage.let_in(request, OPEN)
    (out,) = [each for each in sent if each.message.is_request]
    answer = response_to(out.message, 183, headers=[("Contact", "<sip:bob@192.168.7.7>")])
    (back,) = stage.receive(answer, NAT)
    assert back.message.get("Contact") == "<sip:bob@198.51.100.7:40112>"


def test_a_phone_behind_another_proxy_is_that_ones_to_set_right(stage: Stage) -> None:
    request = stage.request("INVITE", "sip:bob@198.51.100.7:40112")
    _, sent = stage.let_in(request, OPEN)
    (out,) = [each for each in sent if each.message.is_request]
    routed = Message(
        out.message.start_line, (("Record-Route", "<sip:198.51.100.7;lr>"), *out.message.headers)
    )
    answer = response_to(routed, 200, headers=[("Contact", "<sip:bob@192.168.7.7>")])
    (back,) = stage.receive(answer, NAT)
    assert back.message.get("Contact") == "<sip:bob@192.168.7.7>"


def test_a_reply_after_a_restart_is_set_right_as_well(stage: Stage) -> None:
    request = stage.request("INVITE", "sip:bob@198.51.100.7:40112")
    _, sent = stage.let_in(request, OPEN)
    (out,) = [each for each in sent if each.message.is_request]
    stage.restarted()
    answer = response_to(out.message, 200, headers=[("Contact", "<sip:bob@192.168.7.7>")])
    (back,) = stage.receive(answer, NAT)
    assert back.message.get("Contact") == "<sip:bob@198.51.100.7:40112>"


def test_over_a_restart_the_next_phone_hears_of_it_as_well(stage: Stage) -> None:
    """The copy that the next process makes has the flags of the first one."""
    stage.bind("11", "sip:11@172.16.5.5:5070", hop=OTHER_NAT, cflags=NATED, q=1.0)
    stage.bind("11", "sip:11@192.0.2.11", q=0.5)
    _, sent = stage.let_in(from_behind(stage.request("INVITE")), NAT)
    (first,) = [each for each in sent if each.message.is_request]
    stage.restarted_in_order()
    sent = stage.receive(response_to(first.message, 486), OTHER_NAT)
    second = next(each.message for each in sent if each.message.start_line.startswith("INVITE"))
    assert ";flags=n;" in second.get("Record-Route")
    assert second.get("Contact") == "<sip:10@198.51.100.7:40112>"


def test_nothing_is_touched_when_it_is_switched_off() -> None:
    stage = Stage(nat={"detect": False})
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.11")
    assert stage.core.nat is None
    _, sent = stage.let_in(from_behind(stage.request("INVITE")), NAT)
    assert sent[0].message.get("Contact") == "<sip:10@192.168.1.20:5060>"
    stage.let_in(from_behind(register(stage)), NAT)
    assert [binding.nated for binding in stage.core.locations] == [False, False]


# ------------------------------------------------------------------------------------------- the Contact


@pytest.mark.parametrize(
    ("value", "hop", "fixed"),
    [
        ("<sip:10@10.0.0.1>", NAT, "<sip:10@198.51.100.7:40112>"),
        ("sip:10@10.0.0.1;expires=60", NAT, "<sip:10@198.51.100.7:40112>;expires=60"),
        ('"a<b" <sip:10:pw@10.0.0.1:5062;ob>;q=1', NAT, '"a<b" <sip:10:pw@198.51.100.7:40112;ob>;q=1'),
        ("<sip:10@10.0.0.1;maddr=10.9.9.9>", NAT, "<sip:10@198.51.100.7:40112>"),
        ("<sip:10@10.0.0.1>", Hop("tcp", "2001:db8::7", 4000), "<sip:10@[2001:db8::7]:4000;transport=tcp>"),
        ("<sip:10@198.51.100.7>", Hop("udp", "198.51.100.7", 5060), "<sip:10@198.51.100.7>"),
        ("<tel:+4912345>", NAT, "<tel:+4912345>"),
        ("<sips:10@10.0.0.1>", NAT, "<sips:10@10.0.0.1>"),
        ("<sip:10@10.0.0.1", NAT, "<sip:10@10.0.0.1"),
        ("*", NAT, "*"),
    ],
)
def test_the_contact_gets_the_address_of_the_flow(value: str, hop: Hop, fixed: str) -> None:
    request = Request.create("INVITE", "sip:11@example.org", [("Contact", value)])
    fix_nated_contact(request, hop)
    assert request.first("contact") == fixed


def test_a_message_without_contact_is_left_alone() -> None:
    request = Request.create("INVITE", "sip:11@example.org", [])
    fix_nated_contact(request, NAT)
    assert not request.has("contact")


def test_media_asks_for_either_party(stage: Stage) -> None:
    test = NatTest(TESTS, lambda _: False)
    stage.core.admission.receive(b"", OPEN)
    for message, hop, nated in (
        (from_behind(stage.request("INVITE")), NAT, True),
        (stage.request("INVITE"), OPEN, False),
    ):
        request = parse(message.encode())
        assert isinstance(request, Request)
        incoming = Incoming(request, hop, 0.0, ANSWERS, lambda: 0.0)
        test.test(incoming)
        assert behind_nat(incoming) is nated
        assert behind_nat(incoming, Target("sip:11@192.0.2.11", nated=True))
