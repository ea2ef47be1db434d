"""The call flow from top to bottom, each step of the script and each way around it that a thief may try."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import Message, parameter
from tests.unit.proxy.stage import DOMAIN, PROXY, Stage, ack_of, response_to

CALLEE = Hop("udp", "192.0.2.11", 5060)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.add_user("11")
    return stage


def only(sent: list) -> Message:  # type: ignore[type-arg]
    assert len(sent) == 1, [str(each.message) for each in sent]
    return sent[0].message


class TestRegister:
    """route[2]."""

    def register(self, stage: Stage, **options: object) -> Message:
        return stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}", **options)  # type: ignore[arg-type]

    def test_a_phone_is_challenged_and_then_bound(self, stage: Stage) -> None:
        request, sent = stage.let_in(self.register(stage))
        reply = only(sent)
        assert reply.status == 200
        assert reply.get("Contact") == "<sip:10@192.0.2.10>;expires=3600"
        assert len(stage.bindings.commits) == 1
        assert stage.receive(request)[0].message == reply  # a retransmission gets the same answer
        assert len(stage.bindings.commits) == 1

    def test_a_wrong_password_is_challenged_again(self, stage: Stage) -> None:
        _, sent = stage.let_in(self.register(stage), password="wrong")
        reply = only(sent)
        assert reply.status == 401
        assert "stale" not in reply.get("WWW-Authenticate")
        assert stage.bindings.commits == []

    def test_check_to_stops_stolen_credentials(self, stage: Stage) -> None:
        stolen = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:11@{DOMAIN}")
        _, sent = stage.let_in(stolen, username="10")
        assert (only(sent).status, only(sent).reason) == (403, "Authentication and To-Header Mismatch")

    def test_the_document_of_2007_answers_401_to_it(self) -> None:
        stage = Stage(sip={"profile": "openser12"})
        stage.add_user("10")
        stolen = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:11@{DOMAIN}")
        trying, challenge = stage.receive(stolen)
        assert (trying.message.status, trying.message.reason) == (100, "Trying to Register")
        assert challenge.message.get("WWW-Authenticate").count("=") == 2  # realm and nonce, no qop
        sent = stage.receive(stage.answered(stolen, challenge.message))
        assert [each.message.status for each in sent] == [100, 401]
        assert not sent[1].message.has("WWW-Authenticate")

    def test_usernames_compare_without_case_when_the_settings_say_so(self) -> None:
        for sensitive, status in ((True, 403), (False, 200)):
            stage = Stage(registrar={"case_sensitive": sensitive})
            stage.add_user("Ten")
            request = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:ten@{DOMAIN}")
            _, sent = stage.let_in(request, username="Ten")
            assert only(sent).status == status

    def test_another_domains_registrar_is_not_ours(self, stage: Stage) -> None:
        request = stage.request("REGISTER", "sip:elsewhere.example", to=f"sip:10@{DOMAIN}")
        assert only(stage.receive(request)).status == 403
        request = stage.request("REGISTER", f"sip:{DOMAIN}", to="sip:10@elsewhere.example")
        assert only(stage.receive(request)).status == 404

    def test_nobody_can_know_while_the_database_is_away(self, stage: Stage) -> None:
        challenge = only(stage.receive(request := self.register(stage)))
        stage.credentials.away = True
        reply = only(stage.receive(stage.answered(request, challenge)))
        assert reply.status == 503
        assert reply.has("Retry-After")

    def test_retransmissions_are_absorbed_while_the_commit_is_under_way(self, stage: Stage) -> None:
        challenge = only(stage.receive(request := self.register(stage)))
        again = stage.answered(request, challenge)
        during: list[int] = []
        stage.bindings.waiting = lambda: during.append(len(stage.receive(again)))
        assert only(stage.receive(again)).status == 200
        assert during == [0]


class TestCall:
    """route[3]."""

    def test_an_authenticated_call_reaches_the_phone_without_credentials(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        invite, sent = stage.let_in(stage.request("INVITE"))
        forwarded, trying = sent
        assert (trying.message.status, trying.message.reason) == (100, "Trying")
        message = forwarded.message
        assert forwarded.hop == CALLEE
        assert message.uri == "sip:11@192.0.2.11"
        assert not message.has("Proxy-Authorization")
        assert message.get("Max-Forwards") == "69"
        assert [via.partition(";")[0] for via in message.all("Via")] == [
            f"SIP/2.0/UDP {PROXY}:5060",
            "SIP/2.0/UDP 192.0.2.10",
        ]
        assert ";lr=on" in message.get("Record-Route")
        ringing = only(stage.receive(response_to(message, 180), CALLEE))
        assert ringing.branches == [parameter(invite.get("Via"), "branch")]
        answer = stage.receive(response_to(message, 200), CALLEE)
        assert only(answer).status == 200
        assert answer[0].hop == Hop("udp", "192.0.2.10", 5060)

    def test_the_ack_and_bye_follow_the_signed_route(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        invite, sent = stage.let_in(stage.request("INVITE", call_id="c1"))
        callee_side = sent[0].message
        stage.receive(response_to(callee_side, 200), CALLEE)
        route = [("Route", callee_side.get("Record-Route"))]
        ack = stage.request(
            "ACK", "sip:11@192.0.2.11", to_tag="callee", call_id="c1", cseq=2, headers=route
        ).with_header("From", invite.get("From"))
        assert only(stage.receive(ack)).uri == "sip:11@192.0.2.11"
        assert not only(stage.receive(ack)).has("Route")
        assert stage.core.calls.active == 1
        bye = Message(ack.start_line.replace("ACK", "BYE"), ack.headers).with_header("CSeq", "3 BYE")
        bye = bye.with_header("Via", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKbye;rport")
        forwarded = only(stage.receive(bye))
        assert forwarded.method == "BYE"
        assert stage.core.calls.active == 0
        assert only(stage.receive(response_to(forwarded, 200), CALLEE)).status == 200
        # From the other side the tags change places.
        back = bye.with_header("From", bye.get("To")).with_header("To", bye.get("From"))
        back = back.with_header("Via", "SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKback;rport")
        back = Message("INFO sip:10@192.0.2.10 SIP/2.0", back.headers).with_header("CSeq", "1 INFO")
        assert only(stage.receive(back, CALLEE)).uri == "sip:10@192.0.2.10"

    def test_check_from_stops_stolen_credentials(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        _, sent = stage.let_in(stage.request("INVITE", caller=f"sip:12@{DOMAIN}"), username="10")
        assert (only(sent).status, only(sent).reason) == (403, "Forbidden, Use From=ID")

    @pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "OPTIONS", "REFER", "INFO", "BYE"])
    def test_every_other_method_from_a_local_user_is_challenged_too(self, stage: Stage, method: str) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        _request, sent = stage.let_in(stage.request(method))
        assert only(sent).method == method
        assert not only(sent).has("Proxy-Authorization")

    @pytest.mark.parametrize(("profile", "answer"), [("rfc3261", 480), ("openser12", 404)])
    def test_unknown_and_unregistered_users_look_alike(self, profile: str, answer: int) -> None:
        stage = Stage(sip={"profile": profile})
        stage.add_user("10")
        stage.add_user("11")
        for callee in ("11", "nobody"):
            _, sent = stage.let_in(stage.request("INVITE", f"sip:{callee}@{DOMAIN}"))
            assert only(sent).status == answer

    def test_the_ack_of_our_own_refusals_goes_nowhere(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        challenge = only(stage.receive(invite := stage.request("INVITE")))
        assert stage.receive(ack_of(invite, challenge)) == []
        refused, sent = stage.let_in(stage.request("INVITE", f"sip:12@{DOMAIN}"))
        assert stage.receive(ack_of(refused, only(sent))) == []

    def test_an_alias_is_another_name(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        stage.aliases[f"reception@{DOMAIN}"] = f"sip:11@{DOMAIN}"
        stage.aliases[f"outside@{DOMAIN}"] = "sip:x@203.0.113.9"
        _, sent = stage.let_in(stage.request("INVITE", f"sip:reception@{DOMAIN}"))
        assert sent[0].message.uri == "sip:11@192.0.2.11"
        _, sent = stage.let_in(stage.request("INVITE", f"sip:outside@{DOMAIN}"))
        assert sent[0].hop.host == "203.0.113.9"

    def test_a_local_user_may_call_elsewhere(self, stage: Stage) -> None:
        stage.hosts["elsewhere.example"] = ["203.0.113.7"]
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@elsewhere.example"))
        assert sent[0].hop == Hop("udp", "203.0.113.7", 5060)
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@nowhere.example"))
        assert only(sent).status == 404

    def test_a_stranger_may_call_our_users_only(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        sent = stage.receive(stage.request("INVITE", caller="sip:bob@elsewhere.example"))
        assert sent[0].message.uri == "sip:11@192.0.2.11"
        request = stage.request("INVITE", "sip:x@other.example", caller="sip:bob@elsewhere.example")
        assert (only(stage.receive(request)).status, only(stage.receive(request)).reason) == (
            403,
            "Relaying Forbidden",
        )

    def test_options_to_the_server_itself(self, stage: Stage) -> None:
        for uri in (f"sip:{PROXY}:5060", f"sip:{DOMAIN}"):
            reply = only(stage.receive(stage.request("OPTIONS", uri)))
            assert reply.status == 200
            assert "INVITE" in reply.get("Allow").split(", ")
            assert (reply.get("Accept"), reply.get("Supported")) == ("application/sdp", "path, outbound")

    def test_a_method_that_nobody_knows(self, stage: Stage) -> None:
        """The server itself does not do it; between users it passes (RFC 3261 §16.3)."""
        reply = only(stage.receive(stage.request("DANCE", f"sip:{PROXY}:5060")))
        assert (reply.status, reply.reason) == (405, "Method Not Allowed")
        assert "INVITE" in reply.get("Allow").split(", ")
        stage.bind("11", "sip:11@192.0.2.11")
        _, sent = stage.let_in(stage.request("DANCE"))
        assert only(sent).method == "DANCE"

    def test_a_phone_at_our_own_address_is_not_us(self, stage: Stage) -> None:
        """On one machine they differ by the port alone."""
        stage.bind("11", f"sip:11@{PROXY}:5999")
        _, sent = stage.let_in(stage.request("INVITE"))
        assert sent[0].hop == Hop("udp", PROXY, 5999)


class TestThieves:
    """Each way to have something relayed that nobody was asked a password for."""

    foreign = "sip:bob@elsewhere.example"

    def test_a_preloaded_route_of_ours_is_stripped_and_proves_nothing(self, stage: Stage) -> None:
        route = [("Route", f"<sip:{PROXY};lr>")]
        request = stage.request("INVITE", "sip:0900@gateway.example", headers=route)
        assert only(stage.receive(request)).status == 407
        request = stage.request("INVITE", "sip:0900@gateway.example", caller=self.foreign, headers=route)
        assert only(stage.receive(request)).status == 403

    def test_a_preloaded_route_elsewhere_is_refused(self, stage: Stage) -> None:
        for routes in ("<sip:gateway.example;lr>", f"<sip:{PROXY};lr>, <sip:gateway.example;lr>"):
            request = stage.request("INVITE", headers=[("Route", routes)])
            assert (only(stage.receive(request)).status, only(stage.receive(request)).reason) == (
                403,
                "Preloaded Route Forbidden",
            )

    @pytest.mark.parametrize("method", ["BYE", "INVITE", "REFER", "MESSAGE"])
    def test_an_invented_to_tag_is_no_dialog(self, stage: Stage, method: str) -> None:
        request = stage.request(method, "sip:0900@gateway.example", to_tag="invented")
        assert only(stage.receive(request)).status == 407
        request = stage.request(method, "sip:0900@gateway.example", to_tag="invented", caller=self.foreign)
        assert only(stage.receive(request)).status == 404

    def test_a_route_signed_for_another_dialog_proves_nothing(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        _, sent = stage.let_in(stage.request("INVITE"))
        stolen = [("Route", sent[0].message.get("Record-Route"))]
        request = stage.request("INVITE", "sip:0900@gateway.example", to_tag="x", headers=stolen)
        assert only(stage.receive(request)).status == 407

    def test_a_signed_route_without_a_to_tag_begins_nothing(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        invite, sent = stage.let_in(stage.request("INVITE", call_id="c1"))
        route = [("Route", sent[0].message.get("Record-Route"))]
        request = stage.request("INVITE", "sip:0900@gateway.example", call_id="c1", headers=route)
        request = request.with_header("From", invite.get("From"))
        assert only(stage.receive(request)).status == 407

    def test_a_registered_foreign_contact_is_reached_by_authenticated_callers_only(
        self, stage: Stage
    ) -> None:
        stage.bind("11", "sip:0900@gateway.example")
        stage.hosts["gateway.example"] = ["203.0.113.5"]
        assert only(stage.receive(stage.request("INVITE"))).status == 407

    def test_an_ack_relays_nothing(self, stage: Stage) -> None:
        ack = stage.request("ACK", "sip:x@203.0.113.9", to_tag="invented", caller=self.foreign)
        assert stage.receive(ack) == []
        ack = stage.request("ACK", "sip:x@203.0.113.9", headers=[("Route", "<sip:203.0.113.9;lr>")])
        assert stage.receive(ack) == []

    def test_a_cancel_relays_nothing(self, stage: Stage) -> None:
        cancel = stage.request("CANCEL", "sip:x@203.0.113.9", caller=self.foreign)
        assert only(stage.receive(cancel)).status == 481

    def test_a_forged_response_is_not_passed_on(self, stage: Stage) -> None:
        forged = response_to(stage.request("INVITE"), 200)
        vias = [("Via", f"SIP/2.0/UDP {PROXY}:5060;branch=z9hG4bKsb0.0123456789.{'0' * 24}")]
        assert stage.receive(Message(forged.start_line, (*vias, *forged.headers))) == []


class TestDoor:
    """What every request has to pass first."""

    def test_max_forwards(self, stage: Stage) -> None:
        request = stage.request("INVITE").with_header("Max-Forwards", "0")
        assert only(stage.receive(request)).status == 483

    def test_unknown_proxy_require(self, stage: Stage) -> None:
        request = stage.request("INVITE", headers=[("Proxy-Require", "nothing, known")])
        reply = only(stage.receive(request))
        assert (reply.status, reply.get("Unsupported")) == (420, "nothing, known")

    def test_a_request_without_a_mandatory_header_gets_a_400(self, stage: Stage) -> None:
        assert only(stage.receive(stage.request("INVITE").without("Call-ID"))).status == 400

    def test_garbage_and_keepalives_get_nothing(self, stage: Stage) -> None:
        for data in (b"\r\n\r\n", b"\0\0\0\0", b"hello\r\n\r\n", b"SIP/2.0 200\r\n\r\n"):
            assert stage.receive(data) == []
        assert stage.metrics.messages_rejected["malformed"] == 2

    def test_a_loop_ends(self, stage: Stage) -> None:
        stage.bind("11", f"sip:11@{DOMAIN}")
        stage.hosts[DOMAIN] = [PROXY]
        _, sent = stage.let_in(stage.request("INVITE"))
        assert only([sent[0]]).uri == f"sip:11@{DOMAIN}"
        answers = stage.receive(sent[0].message, Hop("udp", PROXY, 5060))
        assert 482 in [each.message.status for each in answers]

    def test_the_to_tag_of_stateless_replies_is_stable(self, stage: Stage) -> None:
        request = stage.request("INVITE")
        tags = {only(stage.receive(request)).tag("To") for _ in range(3)}
        assert len(tags) == 1
        assert tags != {None}

    def test_beyond_the_bound_of_work_in_progress_there_is_a_503(self) -> None:
        stage = Stage(sip={"max_in_progress": 1})
        stage.add_user("10")
        replies: list[Message] = []
        register = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
        challenge = only(stage.receive(register))
        stage.bindings.waiting = lambda: replies.extend(
            each.message for each in stage.receive(stage.request("INVITE"))
        )
        stage.receive(stage.answered(register, challenge))
        assert [reply.status for reply in replies] == [503]
        assert replies[0].has("Retry-After")


def test_the_self_loop_demonstration(stage: Stage) -> None:
    stage = Stage(sip={"self_loop": ["REGISTER", "INVITE"], "profile": "openser12"})
    stage.add_user("10")
    register = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
    looped = stage.receive(register)
    assert looped[0].hop == Hop("udp", PROXY, 5060)
    message = looped[0].message
    assert message.get("P-hint") == "Self-Looped"
    assert len(message.all("Via")) == 2
    sent = stage.receive(message, Hop("udp", PROXY, 5060))
    assert [each.message.status for each in sent] == [100, 401]
    assert [len(each.message.all("Via")) for each in sent] == [2, 2]
    back = only(stage.receive(sent[1].message, Hop("udp", PROXY, 5060)))
    assert (back.status, len(back.all("Via"))) == (401, 1)


def test_the_self_loop_records_no_route_and_signs_nothing_for_strangers(stage: Stage) -> None:
    stage = Stage(sip={"self_loop": ["REGISTER", "INVITE"], "profile": "openser12"})
    looped = stage.receive(stage.request("INVITE"))
    requests = [each.message for each in looped if each.message.is_request]
    assert [request.has("P-hint") for request in requests] == [True]
    assert not requests[0].has("Record-Route")
