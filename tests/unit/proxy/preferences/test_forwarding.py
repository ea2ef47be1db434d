"""Calls that a user has forwarded: when, to whom, for whose money, and never round and round."""

from __future__ import annotations

import pytest

from appliance.proxy.preferences.forwarding import BUSY, NO_ANSWER, NOT_REGISTERED, occasion_of
from appliance.registrar.preferences import Preferences
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, cancel_of, response_to
from tests.unit.proxy.telephone_network import FIRST, answer, dial, from_gateway, stage_with_gateways, to

HOSTS = {number: f"192.0.2.{number}" for number in ("11", "12", "13", "14")}


def make_stage(**sections: dict[str, object]) -> Stage:
    """10 calls; 11 to 14 have a phone each."""
    stage = stage_with_gateways(**sections)
    for number, host in HOSTS.items():
        stage.add_user(number)
        stage.bind(number, f"sip:{number}@{host}")
    return stage


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def wish(stage: Stage, user: str, **wishes: object) -> None:
    stage.wishes[f"{user}@{DOMAIN}"] = Preferences(**wishes)  # type: ignore[arg-type]


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status]


def rings(sent: list[Sent], user: str) -> Message:
    """The one INVITE that went to the phone of this user, also when it was sent again."""
    invites = [each for each in to(sent, HOSTS[user]) if each.method == "INVITE"]
    assert invites
    assert invites.count(invites[0]) == len(invites)
    return invites[0]


def nobody_else_rings(sent: list[Sent], user: str) -> bool:
    invited = [each for each in sent if not each.message.status and each.message.method == "INVITE"]
    return {each.hop.host for each in invited} == {HOSTS[user]}


class TestAlways:
    def test_it_rings_at_the_other_one_alone(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        _, sent = dial(stage, "11")
        invite = rings(sent, "12")
        assert nobody_else_rings(sent, "12")
        assert invite.get("Diversion") == f"<sip:11@{DOMAIN}>;reason=unconditional;counter=1"
        assert stage.metrics.calls_forwarded["always"] == 1

    @pytest.mark.parametrize("target", [f"sip:12@{DOMAIN}", f"12@{DOMAIN}", "12"])
    def test_a_target_may_be_written_short(self, stage: Stage, target: str) -> None:
        wish(stage, "11", always=target)
        assert rings(dial(stage, "11")[1], "12")

    def test_a_target_may_be_an_alias(self, stage: Stage) -> None:
        stage.aliases[f"office@{DOMAIN}"] = f"sip:12@{DOMAIN}"
        wish(stage, "11", always="office")
        assert rings(dial(stage, "11")[1], "12")

    def test_a_target_may_be_elsewhere(self, stage: Stage) -> None:
        stage.hosts["pbx.example"] = ["203.0.113.5"]
        wish(stage, "11", always="sip:x@pbx.example")
        (invite,) = to(dial(stage, "11")[1], "203.0.113.5")
        assert invite.uri == "sip:x@pbx.example"

    def test_whoever_is_forwarded_to_may_forward_too(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        wish(stage, "12", always="13")
        invite = rings(dial(stage, "11")[1], "13")
        assert [each.partition(">")[0] for each in invite.all("Diversion")] == [
            f"<sip:12@{DOMAIN}",
            f"<sip:11@{DOMAIN}",
        ]

    def test_what_is_no_uri_rings_here(self, stage: Stage) -> None:
        wish(stage, "11", always="sip:a b@c")
        assert rings(dial(stage, "11")[1], "11")

    def test_a_message_is_not_forwarded(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        _, sent = stage.let_in(stage.request("MESSAGE"))
        assert to(sent, HOSTS["11"])
        assert not to(sent, HOSTS["12"])

    def test_nobody_forwards_where_that_is_switched_off(self) -> None:
        stage = make_stage(forwarding={"most": 0})
        wish(stage, "11", always="12", busy="12")
        _, sent = dial(stage, "11")
        assert 486 in statuses(answer_of(stage, sent, "11", 486))


class TestRoundAndRound:
    def test_two_who_forward_to_each_other(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        wish(stage, "12", always="11")
        _, sent = dial(stage, "11")
        assert nobody_else_rings(sent, "12")

    def test_oneself_is_nobody_to_forward_to(self, stage: Stage) -> None:
        stage.aliases[f"office@{DOMAIN}"] = f"sip:11@{DOMAIN}"
        for target in ("11", "office"):
            wish(stage, "11", always=target)
            assert nobody_else_rings(dial(stage, "11")[1], "11")

    def test_a_call_is_forwarded_so_often_and_no_more(self) -> None:
        stage = make_stage(forwarding={"most": 2})
        for user, target in (("11", "12"), ("12", "13"), ("13", "14")):
            wish(stage, user, always=target)
        assert nobody_else_rings(dial(stage, "11")[1], "13")

    def test_a_call_that_comes_back_from_elsewhere_rings_here(self, stage: Stage) -> None:
        wish(stage, "11", always="sip:x@pbx.example")
        diverted = ("Diversion", f"<sip:11@{DOMAIN}>;reason=unconditional")
        _, sent = dial(stage, "11", headers=(diverted,))
        assert nobody_else_rings(sent, "11")

    def test_diversions_of_others_count(self) -> None:
        stage = make_stage(forwarding={"most": 2})
        wish(stage, "11", always="12")
        others = (
            "Diversion",
            "<sip:a@x.example>;reason=unknown, <tel:+49891>;reason=unknown, <sip:b@y.example>",
        )
        assert nobody_else_rings(dial(stage, "11", headers=(others,))[1], "11")
        assert rings(dial(stage, "11", headers=(("Diversion", "<sip:a@x.example>"),))[1], "12")
        assert rings(dial(stage, "11", headers=(("Diversion", "<<<"),))[1], "12")

    def test_busy_ones_do_not_go_round_either(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        wish(stage, "12", busy="11")
        _, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", 486)
        assert statuses(answer_of(stage, sent, "12", 486)) == [486]


class TestNotRegistered:
    def test_it_goes_on(self, stage: Stage) -> None:
        stage.add_user("15")
        wish(stage, "15", not_registered="12", busy="13")
        invite = rings(dial(stage, "15")[1], "12")
        assert "reason=unavailable" in invite.get("Diversion")

    def test_who_is_registered_rings(self, stage: Stage) -> None:
        wish(stage, "11", not_registered="12")
        assert rings(dial(stage, "11")[1], "11")

    def test_without_a_target_the_caller_is_told(self, stage: Stage) -> None:
        stage.add_user("15")
        wish(stage, "15", busy="12")
        assert statuses(dial(stage, "15")[1]) == [480]

    def test_a_phone_that_is_not_there_any_more(self, stage: Stage) -> None:
        stage.unreachable.add((HOSTS["11"], 5060))
        wish(stage, "11", not_registered="12")
        sent = dial(stage, "11")[1] + stage.advance(40)
        assert rings(sent, "12")


def answer_of(stage: Stage, sent: list[Sent], user: str, status: int) -> list[Sent]:
    return stage.receive(response_to(rings(sent, user), status))


class TestBusy:
    @pytest.mark.parametrize("status", [486, 600])
    def test_it_goes_on(self, stage: Stage, status: int) -> None:
        wish(stage, "11", busy="12")
        _, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", status)
        invite = rings(sent, "12")
        assert statuses(sent) == []
        assert "reason=user-busy" in invite.get("Diversion")
        assert 200 in statuses(stage.receive(response_to(invite, 200)))

    @pytest.mark.parametrize("status", [403, 404, 487, 500, 603])
    def test_what_is_not_busy_does_not(self, stage: Stage, status: int) -> None:
        wish(stage, "11", busy="12", no_answer="12", not_registered="12")
        _, sent = dial(stage, "11")
        assert statuses(answer_of(stage, sent, "11", status)) == [status]

    def test_all_his_phones_have_to_be_busy(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.111")
        wish(stage, "11", busy="12")
        _, sent = dial(stage, "11")
        assert not to(answer_of(stage, sent, "11", 486), HOSTS["12"])
        (second,) = to(sent, "192.0.2.111")
        assert rings(stage.receive(response_to(second, 486)), "12")

    def test_when_the_other_one_is_busy_too_the_caller_is_told(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        _, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", 486)
        assert statuses(answer_of(stage, sent, "12", 486)) == [486]

    def test_the_last_one_decides_for_himself(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        wish(stage, "12", busy="13", no_answer="14", ring_seconds=10.0)
        _, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", 486)
        stage.receive(response_to(rings(sent, "12"), 180))
        later = stage.advance(11)
        assert rings(later, "14")
        assert not to(later, HOSTS["13"])

    def test_a_caller_who_gives_up_is_heard(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        invite, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", 486)
        stage.receive(response_to(rings(sent, "12"), 180))
        cancelled = stage.receive(cancel_of(invite))
        assert [each.method for each in to(cancelled, HOSTS["12"])] == ["CANCEL"]
        assert 200 in statuses(cancelled)

    def test_nothing_follows_when_the_caller_has_given_up(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        invite, sent = dial(stage, "11")
        phone = rings(sent, "11")
        stage.receive(response_to(phone, 180))
        stage.receive(cancel_of(invite))
        assert statuses(stage.receive(response_to(phone, 486))) == [487]

    def test_it_goes_on_after_a_restart(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        _, sent = dial(stage, "11")
        phone = rings(sent, "11")
        stage.receive(response_to(phone, 180))
        stage.restarted_in_order()
        stage.peers()
        assert rings(stage.receive(response_to(phone, 486)), "12")


class TestNoAnswer:
    def test_the_phone_stops_and_the_other_one_rings(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="12", ring_seconds=15.0)
        _, sent = dial(stage, "11")
        stage.receive(response_to(rings(sent, "11"), 180))
        assert not stage.advance(14)
        later = stage.advance(2)
        assert {each.method for each in to(later, HOSTS["11"])} == {"CANCEL"}
        assert "reason=no-answer" in rings(later, "12").get("Diversion")

    def test_a_ring_time_alone_ends_the_call_sooner(self, stage: Stage) -> None:
        wish(stage, "11", ring_seconds=15.0)
        _, sent = dial(stage, "11")
        stage.receive(response_to(rings(sent, "11"), 180))
        assert set(statuses(stage.advance(16))) == {408}

    def test_the_ring_time_is_his_alone(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="12", ring_seconds=15.0)
        _, sent = dial(stage, "11")
        stage.receive(response_to(rings(sent, "11"), 180))
        later = stage.advance(16)
        stage.receive(response_to(rings(later, "12"), 180))
        assert 408 not in statuses(stage.advance(60))
        assert 408 in statuses(stage.advance(60))

    def test_a_phone_that_says_so_itself(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="12", not_registered="13")
        _, sent = dial(stage, "11")
        assert rings(answer_of(stage, sent, "11", 480), "12")

    def test_whoever_answers_in_the_last_moment_is_connected(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="12", ring_seconds=15.0)
        _, sent = dial(stage, "11")
        phone = rings(sent, "11")
        stage.receive(response_to(phone, 180))
        later = stage.advance(16)
        stage.receive(response_to(rings(later, "12"), 180))
        answered = stage.receive(response_to(phone, 200))
        assert 200 in statuses(answered)
        assert [each.method for each in to(answered, HOSTS["12"])] == ["CANCEL"]


class TestRedirect:
    """What SER does: the caller calls there himself."""

    @pytest.fixture
    def stage(self) -> Stage:
        return make_stage(forwarding={"on_failure": "redirect"})

    def test_busy(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        _, sent = dial(stage, "11")
        (reply,) = [each.message for each in answer_of(stage, sent, "11", 486) if each.message.status]
        assert (reply.status, reply.reason) == (302, "Redirect On Busy")
        assert reply.get("Contact") == f"<sip:12@{DOMAIN}>"
        assert stage.metrics.snapshot()["sipbox_calls_active"] == [([], 0)]

    def test_no_answer(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="089123456", ring_seconds=15.0)
        stage.rights["10"] = ()
        _, sent = dial(stage, "11")
        stage.receive(response_to(rings(sent, "11"), 180))
        later = stage.advance(16)
        assert {each.message.reason for each in later if each.message.status} == {"Redirect On No Answer"}
        assert {each.method for each in to(later, HOSTS["11"])} == {"CANCEL"}

    def test_nobody_is_sent_to_where_he_was(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        wish(stage, "12", busy="11")
        _, sent = dial(stage, "11")
        assert statuses(answer_of(stage, sent, "12", 486)) == [486]

    def test_without_a_target_the_answer_stays(self, stage: Stage) -> None:
        wish(stage, "11", no_answer="12")
        _, sent = dial(stage, "11")
        assert statuses(answer_of(stage, sent, "11", 486)) == [486]

    def test_always_goes_on_from_here(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        assert nobody_else_rings(dial(stage, "11")[1], "12")


class TestVoicemail:
    def test_it_takes_what_is_left(self, stage: Stage) -> None:
        wish(stage, "11", busy="12", voicemail="sip:11@192.0.2.200")
        _, sent = dial(stage, "11")
        stage.receive(response_to(rings(sent, "11"), 180))
        assert to(stage.advance(121), "192.0.2.200")[0].uri == "sip:11@192.0.2.200"

    def test_default_means_the_mailboxes_of_the_settings(self) -> None:
        stage = make_stage(forwarding={"voicemail": "sip:box-{user}@192.0.2.200"})
        wish(stage, "11", voicemail="default")
        _, sent = dial(stage, "11")
        sent = answer_of(stage, sent, "11", 486)
        assert to(sent, "192.0.2.200")[0].uri == "sip:box-11@192.0.2.200"

    def test_whatever_the_user_is_called(self) -> None:
        stage = make_stage(forwarding={"voicemail": "sip:{user}@192.0.2.200"})
        wish(stage, 'J "x" @', voicemail="default")
        (invite,) = to(dial(stage, "J%20%22x%22%20%40")[1], "192.0.2.200")
        assert invite.uri == "sip:J%20%22x%22%20%40@192.0.2.200"
        assert invite.get("Diversion").startswith(f"<sip:J%20%22x%22%20%40@{DOMAIN}>;")

    def test_default_without_mailboxes_is_none(self, stage: Stage) -> None:
        wish(stage, "11", voicemail="default")
        _, sent = dial(stage, "11")
        assert statuses(answer_of(stage, sent, "11", 486)) == [486]


class TestOutside:
    """Whoever forwards pays."""

    def test_his_rights_count(self, stage: Stage) -> None:
        wish(stage, "11", always="089123456")
        stage.rights["10"] = ("local", "ld", "int")
        assert statuses(dial(stage, "11")[1]) == [403]
        stage.rights["10"], stage.rights["11"] = (), ("ld",)
        (invite,) = to(dial(stage, "11")[1], FIRST)
        assert invite.uri == f"sip:089123456@{FIRST}"

    def test_a_strangers_call_goes_out_for_the_money_of_whoever_forwards(self, stage: Stage) -> None:
        wish(stage, "11", always="089123456")
        stage.rights["11"] = ("ld",)
        sent = stage.receive(stage.request("INVITE", caller="sip:x@elsewhere.example"))
        assert to(sent, FIRST)

    def test_a_call_of_the_gateway_goes_back_there_if_he_may(self, stage: Stage) -> None:
        wish(stage, "11", busy="089123456")
        for rights, expected in (((), 0), (("ld",), 1)):
            stage.rights["11"] = rights
            sent = answer_of(stage, from_gateway(stage), "11", 486)
            assert len([each for each in to(sent, FIRST) if each.method == "INVITE"]) == expected

    def test_who_takes_it_after_a_restart_may_hang_up(self, stage: Stage) -> None:
        wish(stage, "11", busy="12")
        sent = from_gateway(stage)
        stage.restarted_in_order()
        invite = rings(answer_of(stage, sent, "11", 486), "12")
        assert ";gwf=" in invite.get("Record-Route")

    def test_busy_without_the_right_is_busy(self, stage: Stage) -> None:
        wish(stage, "11", busy="089123456")
        stage.rights["11"] = ()
        _, sent = dial(stage, "11")
        assert statuses(answer_of(stage, sent, "11", 486)) == [486]

    def test_a_gateways_address_is_no_way_around(self, stage: Stage) -> None:
        wish(stage, "11", always=f"sip:0900666@{FIRST}")
        assert statuses(dial(stage, "11")[1]) == [403]

    def test_the_next_gateway_is_tried_for_a_forwarded_call_too(self, stage: Stage) -> None:
        wish(stage, "11", busy="089123456")
        stage.rights["11"] = ("ld",)
        _, sent = dial(stage, "11")
        (first,) = to(answer_of(stage, sent, "11", 486), FIRST)
        assert to(answer(stage, first, 503), "198.51.100.10")


class TestHistory:
    def test_it_goes_on_where_there_is_one(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        history = ("History-Info", f"<sip:11@{DOMAIN}>;index=1")
        invite = rings(dial(stage, "11", headers=(history,))[1], "12")
        assert ", ".join(invite.all("History-Info")).split(", ") == [
            f"<sip:11@{DOMAIN}?Reason=SIP%3Bcause%3D302>;index=1",
            f"<sip:12@{DOMAIN}>;index=1.1;mp=1",
        ]

    def test_the_user_gets_an_entry_if_he_has_none(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        history = ("History-Info", "<sip:x@elsewhere.example>;index=1")
        invite = rings(dial(stage, "11", headers=(history,))[1], "12")
        assert [each.partition(";index=")[2] for each in invite.all("History-Info")] == [
            "1",
            "1.1",
            "1.1.1;mp=1.1",
        ]

    @pytest.mark.parametrize("text", ["<<", "sip:a b", "<sip:x@y>;index=" + "1." * 60])
    def test_what_cannot_be_read_stays(self, stage: Stage, text: str) -> None:
        wish(stage, "11", always="12")
        invite = rings(dial(stage, "11", headers=(("History-Info", text),))[1], "12")
        assert invite.all("History-Info") == [text]

    def test_none_is_begun(self, stage: Stage) -> None:
        wish(stage, "11", always="12")
        assert not rings(dial(stage, "11")[1], "12").has("History-Info")


@pytest.mark.parametrize(
    ("status", "answered", "occasion"),
    [
        (486, True, BUSY), (600, True, BUSY), (408, True, NO_ANSWER), (408, False, NO_ANSWER),
        (480, True, NO_ANSWER), (480, False, NOT_REGISTERED), (603, True, ""), (404, False, ""),
    ],
)  # fmt: skip
def test_occasions(status: int, answered: bool, occasion: str) -> None:
    assert occasion_of(status, answered=answered) == occasion


class Broken(dict[str, str]):
    """Aliases that fail."""

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]
        raise RuntimeError("a fault of ours")


def test_a_fault_in_between_leaves_nobody_waiting(stage: Stage) -> None:
    wish(stage, "11", busy="12")
    _, sent = dial(stage, "11")
    stage.aliases = Broken()
    with pytest.raises(RuntimeError):
        answer_of(stage, sent, "11", 486)
    stage._run_deferred()
    assert stage.sent[-1].message.status == 486
