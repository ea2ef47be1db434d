"""P-Asserted-Identity at the border of those who are trusted (RFC 3325), and Privacy (RFC 3323)."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.storage.peers import Address, Gateway, Trusted
from tests.harness.message import Message
from tests.unit.proxy.forking.test_response_context import statuses
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

PHONE = Hop("udp", "192.0.2.11", 5060)
PEER = Hop("udp", "203.0.113.20", 5060)
STRANGER = Hop("udp", "203.0.113.99", 5060)
GATEWAY = Hop("udp", "203.0.113.50", 5060)
PAI = ("P-Asserted-Identity", "<tel:+4989123>")
RPID = ("Remote-Party-ID", "<sip:+4989123@gw>;party=calling")
CLAIMS = [PAI, RPID]
FOREIGN = "sip:+4989123@peer.example"


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", f"sip:11@{PHONE.host}")
    stage.peers(
        trusted=[Trusted(1, PEER.host, "any", "", "")],
        gateways=[Gateway(1, "gw", 1, "group", GATEWAY.host, 5060, "", 0, "", "")],
    )
    stage.hosts |= {"peer.example": [PEER.host], "stranger.example": [STRANGER.host]}
    return stage


def copy(sent: list[Sent], method: str = "INVITE") -> Message:
    return next(each.message for each in sent if each.message.is_request and each.message.method == method)


def from_outside(stage: Stage, hop: Hop, *headers: tuple[str, str]) -> Message:
    return copy(stage.receive(stage.request("INVITE", caller=FOREIGN, headers=headers), hop))


def claims(message: Message) -> list[str]:
    return [name for name in (PAI[0], RPID[0], "P-Preferred-Identity") if message.has(name)]


class TestRequests:
    @pytest.mark.parametrize("hop", [PEER, GATEWAY])
    def test_who_is_trusted_is_believed_and_passed_on(self, stage: Stage, hop: Hop) -> None:
        assert claims(from_outside(stage, hop, *CLAIMS)) == [PAI[0], RPID[0]]

    def test_a_stranger_is_not(self, stage: Stage) -> None:
        assert claims(from_outside(stage, STRANGER, *CLAIMS)) == []

    @pytest.mark.parametrize("wish", ["id", "ID", "user", "header", "critical; id", "session;id"])
    @pytest.mark.parametrize("hop", [PEER, GATEWAY])
    def test_what_is_to_be_hidden_does_not_reach_a_phone(self, stage: Stage, hop: Hop, wish: str) -> None:
        assert claims(from_outside(stage, hop, *CLAIMS, ("Privacy", wish))) == []

    @pytest.mark.parametrize("wish", ["none", "session", "", "id;none"])
    def test_everything_else_does(self, stage: Stage, wish: str) -> None:
        assert claims(from_outside(stage, PEER, *CLAIMS, ("Privacy", wish))) == [PAI[0], RPID[0]]

    @pytest.mark.parametrize(("wish", "left"), [("user", False), ("header", False), ("id", True)])
    def test_what_else_tells_of_the_caller_goes_too(self, stage: Stage, wish: str, left: bool) -> None:
        sent = from_outside(stage, PEER, ("Privacy", wish), ("Subject", "me"), ("User-Agent", "mine"))
        assert (sent.has("Subject"), sent.has("User-Agent")) == (left, left)
        assert sent.get("Privacy") == wish

    def test_among_those_who_are_trusted_nothing_is_hidden(self, stage: Stage) -> None:
        stage.peers(
            trusted=[Trusted(1, PEER.host, "any", "", "")],
            addresses=[Address(1, 1, STRANGER.host, 32, 5060)],
        )
        request = stage.request(
            "INVITE", "sip:bob@stranger.example", caller=FOREIGN, headers=[PAI, ("Privacy", "id")]
        )
        assert claims(copy(stage.receive(request, PEER))) == [PAI[0]]

    def test_who_we_are_is_asserted_to_a_trusted_peer(self, stage: Stage) -> None:
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@peer.example", headers=[("Privacy", "id")]))
        assert copy(sent).get(PAI[0]) == f"<sip:10@{DOMAIN}>"

    def test_as_his_row_says_it(self, stage: Stage) -> None:
        stage.asserted["10"] = "+498912345"
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@peer.example"))
        assert copy(sent).get(PAI[0]) == f"<sip:+498912345@{DOMAIN}>"

    def test_the_setting_of_gateways_is_theirs_too(self) -> None:
        stage = Stage(gateway={"identity": "none"})
        stage.add_user("10")
        stage.peers(trusted=[Trusted(1, PEER.host, "any", "", "")])
        stage.hosts["peer.example"] = [PEER.host]
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@peer.example"))
        assert claims(copy(sent)) == []

    @pytest.mark.parametrize("to", ["sip:bob@stranger.example", f"sip:11@{DOMAIN}"])
    def test_to_nobody_else(self, stage: Stage, to: str) -> None:
        _, sent = stage.let_in(stage.request("INVITE", to, headers=[PAI, ("P-Preferred-Identity", FOREIGN)]))
        assert claims(copy(sent)) == []

    def test_a_peer_that_is_trusted_for_some_callers_is_an_outsider(self, stage: Stage) -> None:
        stage.peers(trusted=[Trusted(1, PEER.host, "any", "@peer.example$", "")])
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@peer.example"))
        assert claims(copy(sent)) == []


class TestCritical:
    @pytest.mark.parametrize("wish", ["header;critical", "critical, user", "session; critical"])
    def test_who_must_not_be_shown_is_not_put_through(self, stage: Stage, wish: str) -> None:
        _, sent = stage.let_in(stage.request("INVITE", headers=[("Privacy", wish)]))
        assert statuses(sent) == [500]

    @pytest.mark.parametrize("wish", ["id;critical", "critical", "header"])
    def test_what_we_can_do_is_done(self, stage: Stage, wish: str) -> None:
        _, sent = stage.let_in(stage.request("INVITE", headers=[("Privacy", wish)]))
        assert copy(sent)


class TestDialogsAndResponses:
    def call(self, stage: Stage, *headers: tuple[str, str]) -> tuple[Message, list[tuple[str, str]]]:
        _, sent = stage.let_in(stage.request("INVITE", call_id="call"))
        answer = response_to(copy(sent), 200, tag="b", headers=headers)
        (told,) = (each.message for each in stage.receive(answer, PHONE))
        return told, [("Route", route) for route in told.all("Record-Route")]

    def test_what_a_phone_asserts_in_its_answer_is_taken_out(self, stage: Stage) -> None:
        told, _ = self.call(stage, *CLAIMS)
        assert claims(told) == []

    def test_and_what_it_asserts_within_the_call(self, stage: Stage) -> None:
        _, routes = self.call(stage)
        update = stage.request(
            "UPDATE",
            f"sip:11@{PHONE.host}",
            to=f"sip:11@{DOMAIN}",
            to_tag="b",
            call_id="call",
            cseq=9,
            headers=[*routes, *CLAIMS],
        )
        assert claims(copy(stage.receive(update), "UPDATE")) == []

    @pytest.mark.parametrize(("wish", "left"), [(None, True), ("id", False), ("none", True)])
    def test_what_a_peer_asserts_goes_on_to_a_phone_unless_it_is_hidden(
        self, stage: Stage, wish: str | None, left: bool
    ) -> None:
        _, sent = stage.let_in(stage.request("INVITE", "sip:bob@peer.example"))
        headers = [PAI] if wish is None else [PAI, ("Privacy", wish)]
        (told,) = (e.message for e in stage.receive(response_to(copy(sent), 180, headers=headers), PEER))
        assert (told.status, claims(told) == [PAI[0]]) == (180, left)

    def test_when_the_call_is_no_longer_known(self, stage: Stage) -> None:
        _, sent = stage.let_in(stage.request("INVITE"))
        invite = copy(sent)
        stage.restarted()
        (told,) = (each.message for each in stage.receive(response_to(invite, 200, headers=CLAIMS), PHONE))
        assert claims(told) == []


class TestAnonymousCallers:
    """From says nothing, P-Preferred-Identity says to us who it is (RFC 3325 §9.2)."""

    ANONYMOUS = "sip:anonymous@anonymous.invalid"

    def call(
        self, stage: Stage, to: str, prefers: str = f"sip:10@{DOMAIN}", caller: str = ANONYMOUS
    ) -> Message:
        headers = [("P-Preferred-Identity", f"<{prefers}>"), ("Privacy", "id")]
        return stage.request("INVITE", to, caller=caller, headers=headers)

    @pytest.mark.parametrize("caller", [ANONYMOUS, f"sip:anonymous@{DOMAIN}", f"sip:Anonymous@{DOMAIN}"])
    def test_a_peer_is_told_who_it_is_and_from_stays(self, stage: Stage, caller: str) -> None:
        _, sent = stage.let_in(self.call(stage, "sip:bob@peer.example", caller=caller))
        told = copy(sent)
        assert claims(told) == [PAI[0], RPID[0]]
        assert told.get(PAI[0]) == f"<sip:10@{DOMAIN}>"
        assert told.get("From").startswith(f"<{caller}>")
        assert told.get("Privacy") == "id"

    @pytest.mark.parametrize("to", ["sip:bob@stranger.example", f"sip:11@{DOMAIN}"])
    def test_nobody_else_is(self, stage: Stage, to: str) -> None:
        _, sent = stage.let_in(self.call(stage, to))
        told = copy(sent)
        assert claims(told) == []
        assert told.get("From").startswith(f"<{self.ANONYMOUS}>")
        assert not told.has("Proxy-Authorization")

    def test_as_somebody_else_nobody_calls(self, stage: Stage) -> None:
        stage.add_user("12")
        _, sent = stage.let_in(self.call(stage, "sip:bob@peer.example", f"sip:12@{DOMAIN}"))
        assert statuses(sent) == [403]

    @pytest.mark.parametrize("prefers", [FOREIGN, "tel:+4989123", "nonsense"])
    def test_who_is_not_ours_reaches_our_users_alone(self, stage: Stage, prefers: str) -> None:
        told = copy(stage.receive(self.call(stage, f"sip:11@{DOMAIN}", prefers)))
        assert claims(told) == []
        assert statuses(stage.receive(self.call(stage, "sip:bob@peer.example", prefers))) == [403]

    def test_who_says_who_he_is_in_from_is_that_one(self, stage: Stage) -> None:
        stage.add_user("12")
        request = self.call(stage, "sip:bob@peer.example", f"sip:12@{DOMAIN}", caller=f"sip:10@{DOMAIN}")
        _, sent = stage.let_in(request)
        assert copy(sent).get(PAI[0]) == f"<sip:10@{DOMAIN}>"

    def test_a_walled_garden_has_no_such_door(self) -> None:
        stage = Stage(sip={"walled_garden": "both"})
        stage.add_user("10")
        stage.hosts["peer.example"] = [PEER.host]
        _, sent = stage.let_in(self.call(stage, "sip:bob@peer.example"))
        assert statuses(sent) == [403]
