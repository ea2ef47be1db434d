"""Calls to the telephone network and from it: who may, by which gateway, and as whom."""

from __future__ import annotations

import pytest

from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.pstn.gateway import NumberRange, Pstn, payer_of
from appliance.proxy.pstn.least_cost import LeastCost
from appliance.proxy.pstn.number_groups import NumberGroups
from appliance.proxy.pstn.trusted import Peer
from appliance.proxy.replies import RFC3261
from appliance.registrar.preferences import Preferences
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from appliance.storage.peers import Route
from appliance.telemetry.metrics import Metrics
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, cancel_of
from tests.unit.proxy.telephone_network import (
    FIRST,
    GATEWAY,
    OTHER_GATEWAY,
    SECOND,
    answer,
    dial,
    from_gateway,
    row,
    stage_with_gateways,
    to,
    trust,
)


@pytest.fixture
def stage() -> Stage:
    return stage_with_gateways()


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status]


def only_to(sent: list[Sent], host: str) -> Message:
    (message,) = to(sent, host)
    return message


class TestWhoMayCall:
    @pytest.mark.parametrize("number", ["089123456", "123456", "112"])
    def test_a_number_goes_to_the_gateway_for_those_who_may(self, stage: Stage, number: str) -> None:
        _, sent = dial(stage, number)
        assert only_to(sent, FIRST).uri == f"sip:{number}@{FIRST}"
        assert not only_to(sent, FIRST).has("Proxy-Authorization")
        assert not to(sent, SECOND)

    @pytest.mark.parametrize(
        ("caller", "number"), [("10", "0049891"), ("10", "+49891"), ("11", "123456"), ("11", "0891234")]
    )
    def test_a_caller_without_the_right_is_told_403(self, stage: Stage, caller: str, number: str) -> None:
        _, sent = dial(stage, number, caller)
        assert [(each.message.status, each.message.reason) for each in sent] == [(403, "PSTN Not Permitted")]
        assert stage.metrics.gateway_requests["forbidden"] == 1

    def test_an_emergency_number_is_for_every_user(self, stage: Stage) -> None:
        _, sent = dial(stage, "112", "11")
        assert to(sent, FIRST)

    def test_rights_that_are_given_count_at_the_next_call(self, stage: Stage) -> None:
        stage.rights["11"] = ("int",)
        _, sent = dial(stage, "0049891", "11")
        assert to(sent, FIRST)

    def test_our_own_users_are_called_here_also_when_their_names_are_numbers(self, stage: Stage) -> None:
        stage.add_user("123456")
        _, sent = dial(stage, "123456")
        assert statuses(sent) == [480]  # not registered, and still no number outside
        stage.bind("123456", "sip:123456@192.0.2.11")
        _, sent = dial(stage, "123456")
        assert to(sent, "192.0.2.11")

    @pytest.mark.parametrize("callee", ["nobody", "12", "1234567890123456789", "12a456", "*21*123"])
    def test_what_is_no_number_never_goes_outside(self, stage: Stage, callee: str) -> None:
        _, sent = dial(stage, callee)
        assert statuses(sent) == [480]

    def test_signs_that_please_the_eye_are_left_out(self, stage: Stage) -> None:
        _, sent = dial(stage, "(089)-123.456")
        assert only_to(sent, FIRST).uri == f"sip:089123456@{FIRST}"

    def test_a_stranger_reaches_no_gateway_and_learns_nothing(self, stage: Stage) -> None:
        for number in ("112", "123456", "11"):
            request = stage.request("INVITE", f"sip:{number}@{DOMAIN}", caller="sip:x@elsewhere.example")
            assert statuses(stage.receive(request)) == [480]

    def test_a_message_needs_the_right_too_and_other_methods_stay_here(self, stage: Stage) -> None:
        for caller, expected in (("10", []), ("11", [403])):
            request = stage.request("MESSAGE", f"sip:0171123@{DOMAIN}", caller=f"sip:{caller}@{DOMAIN}")
            _, sent = stage.let_in(request, username=caller)
            assert (len(to(sent, FIRST)), statuses(sent)) == (int(caller == "10"), expected)
        _, sent = stage.let_in(stage.request("OPTIONS", f"sip:0171123@{DOMAIN}"))
        assert statuses(sent) == [480]

    def test_while_the_database_is_away_a_number_that_nobody_knows_goes_outside(self, stage: Stage) -> None:
        request = stage.request("INVITE", f"sip:112@{DOMAIN}")
        (challenge,) = stage.receive(request)
        again = stage.answered(request, challenge.message)
        find = stage.credentials.find

        def find_the_caller_only(username: str, domain: str, realm: str) -> object:
            stage.credentials.away = username != "10"
            return find(username, domain, realm)

        stage.credentials.find = find_the_caller_only  # type: ignore[method-assign, assignment]
        assert to(stage.receive(again), FIRST)

    def test_no_route_fits_the_number(self, stage: Stage) -> None:
        stage.peers(gateways=(row(1, FIRST, 1),), routes=(stage_route("00"),))
        _, sent = dial(stage, "0891234")
        assert [(e.message.status, e.message.reason) for e in sent] == [(404, "No Gateway For This Number")]

    def test_a_call_can_be_tried_without_calling_anybody(self, stage: Stage) -> None:
        caller = AddressOfRecord("10", DOMAIN)
        found = stage.core.pstn.trial(caller, "0891234", stage.now)
        assert found is not None
        assert (found.needed, found.groups) == ("ld", ["ld", "local"])
        assert found.gateways == [("gw1", f"sip:0891234@{FIRST}"), ("gw2", f"sip:0891234@{SECOND}")]
        assert stage.core.pstn.trial(caller, "door", stage.now) is None
        assert not stage.sent

    def test_without_gateways_all_is_as_it_was(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.rights["10"] = ("local", "ld", "int")
        _, sent = dial(stage, "0891234")
        assert statuses(sent) == [480]

    def test_after_a_forwarding_the_rights_and_the_name_of_whoever_forwards_count(self, stage: Stage) -> None:
        """A step that forwards a call for one of our users says so in ``payer``."""
        metrics = Metrics()
        pstn = Pstn(
            LeastCost(60, lambda name, again: None),
            NumberRange(3, 18),
            NumberGroups(stage.settings.gateway.permissions),
            stage.credentials,
            stage.core.domains,
            stage.groups,
            stage.identity,
            "pai",
            metrics,
        )
        request = Request.create("INVITE", f"sip:0891234@{DOMAIN}", [("From", f"<sip:10@{DOMAIN}>;tag=1")])
        answers = Answers(stage.core.transactions, stage.send, metrics, RFC3261, bytes(16), "")
        incoming = Incoming(request, GATEWAY, 0.0, answers, lambda: 0.0)
        incoming.peer = Peer(True, 1, False, frozenset())
        assert not pstn.may_call(incoming, "0891234")
        for forwarding, expected in (("10", True), ("11", False)):
            incoming.payer = AddressOfRecord(forwarding, DOMAIN)
            assert payer_of(incoming) == incoming.payer
            assert pstn.may_call(incoming, "0891234") is expected


class TestLeastCostAndFailure:
    @pytest.mark.parametrize("status", [503, 500, 502, 504])
    def test_the_next_gateway_after_one_that_has_failed(self, stage: Stage, status: int) -> None:
        _, sent = dial(stage, "0891234")
        sent = answer(stage, only_to(sent, FIRST), status)
        second = only_to(sent, SECOND)
        assert second.uri == f"sip:0891234@{SECOND}"
        assert not statuses([each for each in sent if each.hop.host == "192.0.2.10"])
        assert statuses(answer(stage, second, 200, OTHER_GATEWAY)) == [200]
        assert stage.metrics.gateway_requests["failed_over"] == 1
        assert any("gw1 has failed" in line for line in stage.told)

    def test_the_one_that_has_failed_rests(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234")
        answer(stage, only_to(sent, FIRST), 503)
        _, sent = dial(stage, "0891235")
        assert to(sent, SECOND)
        assert not to(sent, FIRST)
        sent = answer(stage, only_to(sent, SECOND), 503, OTHER_GATEWAY)
        answer(stage, only_to(sent, FIRST), 503)
        assert [line.count("gw1 has failed") for line in stage.told if "has failed" in line] == [1, 0]
        stage.advance(61)
        _, sent = dial(stage, "0891236")
        assert to(sent, FIRST)

    @pytest.mark.parametrize("status", [486, 404, 480, 403, 408, 603, 501])
    def test_what_the_callee_says_is_final(self, stage: Stage, status: int) -> None:
        _, sent = dial(stage, "0891234")
        sent = answer(stage, only_to(sent, FIRST), status)
        assert not to(sent, SECOND)
        assert status in statuses(sent)

    def test_a_gateway_that_says_nothing(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234")
        first = only_to(sent, FIRST)
        assert not to(stage.advance(3.5), SECOND)
        second = only_to(stage.advance(1), SECOND)
        assert statuses(answer(stage, second, 200, OTHER_GATEWAY))[-1:] == [200]
        # It wakes up at last, and is told that nobody needs it.
        late = answer(stage, first, 180)
        assert [each.message.method for each in late if each.hop.host == FIRST] == ["CANCEL"]

    def test_one_that_tries_is_waited_for(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234")
        answer(stage, only_to(sent, FIRST), 100)
        assert not to(stage.advance(30), SECOND)

    def test_a_callee_who_does_not_answer_is_not_rung_again_by_the_next_one(self) -> None:
        stage = stage_with_gateways(sip={"ring_seconds": 10})
        _, sent = dial(stage, "0891234")
        answer(stage, only_to(sent, FIRST), 180)
        sent = stage.advance(11)
        assert not to(sent, SECOND)
        assert 408 in statuses(sent)

    def test_all_have_failed(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234")
        sent = answer(stage, only_to(sent, FIRST), 503)
        sent = answer(stage, only_to(sent, SECOND), 503, OTHER_GATEWAY)
        assert statuses([each for each in sent if each.hop.host == "192.0.2.10"]) == [500]

    def test_one_that_cannot_be_reached_over_tcp(self, stage: Stage) -> None:
        gateways = (row(1, FIRST, 1, transport="tcp"), row(2, SECOND, 2))
        stage.peers(gateways=gateways, routes=(stage_route("", 1, 1), stage_route("", 2, 2)))
        stage.unreachable.add((FIRST, 5060))
        _, sent = dial(stage, "0891234")
        assert to(sent, SECOND)
        assert not to(sent, FIRST)

    def test_the_caller_gives_up_and_no_other_gateway_is_tried(self, stage: Stage) -> None:
        invite, sent = dial(stage, "0891234")
        first = only_to(sent, FIRST)
        answer(stage, first, 100)
        sent = stage.receive(cancel_of(invite))
        assert [each.message.method for each in sent if each.hop.host == FIRST] == ["CANCEL"]
        sent = answer(stage, first, 487)
        assert not to(sent, SECOND)
        assert 487 in statuses(sent)

    def test_a_restart_while_the_first_gateway_is_silent(self, stage: Stage) -> None:
        dial(stage, "0891234")
        stage.restarted_in_order(away=1)
        assert to(stage.advance(8), SECOND)

    def test_strip_and_prefix_and_the_name_of_the_carrier(self, stage: Stage) -> None:
        gateway = row(1, FIRST, 1, strip=1, prefix="+49", hostname="sip.carrier.example", port=5080)
        stage.peers(gateways=(gateway,), routes=(stage_route(""),))
        _, sent = dial(stage, "0891234")
        (forwarded,) = [each for each in sent if each.hop.host == FIRST]
        assert forwarded.hop.port == 5080
        assert forwarded.message.uri == "sip:+49891234@sip.carrier.example:5080"


class TestCallerId:
    def test_the_gateway_is_told_what_our_tables_say_and_no_claim(self, stage: Stage) -> None:
        stage.asserted["10"] = "+498955510"
        claims = [("P-Asserted-Identity", "<sip:boss@example.org>"), ("Remote-Party-ID", "<sip:boss@x>")]
        _, sent = dial(stage, "0891234", headers=claims)
        message = only_to(sent, FIRST)
        assert message.all("P-Asserted-Identity") == [f"<sip:+498955510@{DOMAIN}>"]
        assert message.all("Remote-Party-ID") == [
            f"<sip:+498955510@{DOMAIN}>;party=calling;id-type=subscriber;screen=yes"
        ]

    def test_nobody_claims_that_somebody_has_forwarded_the_call_to_him(self, stage: Stage) -> None:
        claims = [("Diversion", f"<sip:12@{DOMAIN}>, <sip:+49891@carrier.example>;reason=unconditional")]
        _, sent = dial(stage, "0891234", headers=claims)
        assert not only_to(sent, FIRST).has("Diversion")
        stage.wishes[f"11@{DOMAIN}"] = Preferences(always="0891234")
        stage.rights["11"] = ("ld",)
        _, sent = dial(stage, "11", headers=claims)
        assert only_to(sent, FIRST).all("Diversion") == [f"<sip:11@{DOMAIN}>;reason=unconditional;counter=1"]
        stage.wishes[f"11@{DOMAIN}"] = Preferences(always="0891234")
        sent = from_gateway(stage, headers=claims)
        assert len(only_to(sent, FIRST).all("Diversion")) == 2, "whom we know by his address is believed"

    def test_the_subscribers_row_says_it_when_his_preferences_do_not(self, stage: Stage) -> None:
        stage.credentials.rpids["10"] = "+4989555"
        _, sent = dial(stage, "0891234")
        assert only_to(sent, FIRST).get("P-Asserted-Identity") == f"<sip:+4989555@{DOMAIN}>"
        stage.asserted["10"] = "+49891"
        _, sent = dial(stage, "0891235")
        assert only_to(sent, FIRST).get("P-Asserted-Identity") == f"<sip:+49891@{DOMAIN}>"

    def test_nothing_is_told_where_nothing_is_known(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234", headers=[("P-Preferred-Identity", "<sip:boss@example.org>")])
        message = only_to(sent, FIRST)
        assert not any(name in str(message) for name in ("Identity", "Remote-Party"))

    def test_one_header_only(self) -> None:
        stage = stage_with_gateways(gateway={"identity": "pai"})
        stage.asserted["10"] = "+498955510"
        _, sent = dial(stage, "0891234")
        assert only_to(sent, FIRST).has("P-Asserted-Identity")
        assert not only_to(sent, FIRST).has("Remote-Party-ID")

    def test_a_claim_of_a_stranger_does_not_get_to_a_phone_and_that_of_a_gateway_does(
        self, stage: Stage
    ) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        claim = [("P-Asserted-Identity", "<tel:+4930123>")]
        request = stage.request("INVITE", caller="sip:x@elsewhere.example", headers=claim)
        assert not only_to(stage.receive(request), "192.0.2.11").has("P-Asserted-Identity")
        sent = from_gateway(stage, headers=claim)
        assert only_to(sent, "192.0.2.11").get("P-Asserted-Identity") == "<tel:+4930123>"


class TestFromTheGateway:
    def test_a_call_reaches_our_user_without_a_challenge(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        assert only_to(from_gateway(stage), "192.0.2.11").uri == "sip:11@192.0.2.11"

    def test_also_when_it_names_our_domain_in_from(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        request = stage.request("INVITE", caller=f"sip:+4930123@{DOMAIN}", source=FIRST)
        assert to(stage.receive(request, GATEWAY), "192.0.2.11")

    def test_what_a_header_says_makes_nobody_a_gateway(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        request = stage.request("INVITE", caller=f"sip:10@{DOMAIN}", source=FIRST)  # Via and Contact say so
        assert statuses(stage.receive(request)) == [407]

    def test_the_number_that_is_called_from_outside_is_an_alias(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        stage.aliases[f"+498955511@{DOMAIN}"] = f"sip:11@{DOMAIN}"
        assert to(from_gateway(stage, "+498955511"), "192.0.2.11")

    @pytest.mark.parametrize("number", ["0891234", "112", "0049891"])
    def test_it_reaches_no_other_gateway(self, stage: Stage, number: str) -> None:
        sent = from_gateway(stage, number)
        assert statuses(sent) == [403]
        assert not to(sent, FIRST) + to(sent, SECOND)

    @pytest.mark.parametrize("uri", ["sip:x@elsewhere.example", f"sip:0891@{SECOND}", "sip:x@192.0.2.77"])
    def test_it_reaches_no_stranger(self, stage: Stage, uri: str) -> None:
        stage.hosts["elsewhere.example"] = ["203.0.113.7"]
        sent = stage.receive(stage.request("INVITE", uri, source=FIRST), GATEWAY)
        assert statuses(sent) == [403]

    def test_unless_it_is_trusted_for_it(self, stage: Stage) -> None:
        trust(stage, FIRST, "ld")
        sent = from_gateway(stage, "0891234")
        assert to(sent, FIRST) + to(sent, SECOND)
        assert statuses(from_gateway(stage, "0049891")) == [403]

    def test_it_registers_nobody(self, stage: Stage) -> None:
        request = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}", source=FIRST)
        assert statuses(stage.receive(request, GATEWAY)) == [401]

    def test_in_the_profile_of_2007_too(self) -> None:
        stage = stage_with_gateways(sip={"profile": "openser12"})
        stage.bind("11", "sip:11@192.0.2.11")
        assert to(from_gateway(stage), "192.0.2.11")


class TestTrusted:
    def test_a_trusted_peer_is_not_challenged_and_calls_whom_our_users_call(self, stage: Stage) -> None:
        trust(stage, "192.0.2.10", "local")
        stage.hosts["elsewhere.example"] = ["203.0.113.7"]
        stage.bind("11", "sip:11@192.0.2.11")
        assert to(stage.receive(stage.request("INVITE")), "192.0.2.11")
        assert to(stage.receive(stage.request("INVITE", "sip:x@elsewhere.example")), "203.0.113.7")
        assert to(stage.receive(stage.request("INVITE", f"sip:123456@{DOMAIN}")), FIRST)
        assert statuses(stage.receive(stage.request("INVITE", f"sip:0891234@{DOMAIN}"))) == [403]

    def test_who_has_no_tag_calls_nobody_outside(self, stage: Stage) -> None:
        trust(stage, "192.0.2.10")
        assert statuses(stage.receive(stage.request("INVITE", f"sip:123456@{DOMAIN}"))) == [403]

    def test_a_row_that_goes_is_no_reason_any_more(self, stage: Stage) -> None:
        trust(stage, "192.0.2.10")
        stage.peers()
        assert statuses(stage.receive(stage.request("INVITE"))) == [407]


def stage_route(prefix: str, group: int = 1, priority: int = 0) -> Route:
    return Route(1, prefix, "", group, priority)
