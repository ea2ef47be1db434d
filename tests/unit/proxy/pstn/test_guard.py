"""The toll thief: every way to a gateway that nobody has let him go. Nothing of it ever leaves.

He is 11, a user of ours without the right to call outside, at ``THIEF``; or a stranger; or 10, who may call
local numbers and wants more.
"""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import parameter
from tests.unit.proxy.stage import DOMAIN, PROXY, Sent, Stage
from tests.unit.proxy.telephone_network import (
    FIRST,
    GATEWAY,
    PHONE,
    SECOND,
    answer,
    dial,
    from_gateway,
    row,
    stage_with_gateways,
    to,
    trust,
)

NUMBER = "0900123456"

#: The gateway's address in every writing, port and transport that a URI can have.
URIS = [
    f"sip:{NUMBER}@{FIRST}",
    f"sip:{NUMBER}@{FIRST}:5060",
    f"sip:{NUMBER}@{FIRST}:5099",
    f"sip:{NUMBER}@{FIRST};transport=tcp",
    f"sip:{NUMBER}@{FIRST}:5099;transport=tcp",
    f"sip:{NUMBER}@198.051.100.009",
    f"sip:{NUMBER}@[::ffff:{FIRST}]",
    f"sip:{NUMBER}@[::ffff:c633:6409]:5070",
    f"sip:{NUMBER}@[64:ff9b::{FIRST}]",
    f"sip:{NUMBER}@gw.example.net",
    f"sip:{NUMBER}@gw.example.net;transport=tcp",
    f"sip:{NUMBER}@GW.example.net:5099",
    f"sip:{NUMBER}@mapped.example.net",
    f"sip:{NUMBER}@3325256713",  # its 32 bits as one number, which a resolver reads
    f"sip:{FIRST};lr",
]


@pytest.fixture
def stage() -> Stage:
    stage = stage_with_gateways()
    stage.listeners = (*stage.listeners, ("udp", "2001:db8::1", 5060))  # a box with both families
    stage.hosts["gw.example.net"] = [FIRST]
    stage.hosts["mapped.example.net"] = [f"::ffff:{FIRST}"]
    stage.hosts["3325256713"] = [FIRST]
    stage.restarted()
    return stage


def nothing_left(stage: Stage) -> bool:
    stage.advance(1)
    return not any(
        each.hop.host in (FIRST, f"::ffff:{FIRST}", "::ffff:c633:6409") and not each.message.status
        for each in stage.sent
    )


def told(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status >= 200]


class TestByTheRequestUri:
    @pytest.mark.parametrize("uri", URIS)
    @pytest.mark.parametrize("thief", ["10", "11"])
    def test_a_user_of_ours_calls_the_gateway_itself(self, stage: Stage, uri: str, thief: str) -> None:
        request = stage.request("INVITE", uri, caller=f"sip:{thief}@{DOMAIN}")
        _, sent = stage.let_in(request, username=thief)
        assert told(sent) == [403]
        assert nothing_left(stage)
        assert stage.metrics.gateway_requests["stopped"] == 1
        assert any("was kept from the gateway" in line for line in stage.told)

    @pytest.mark.parametrize(
        "method", ["MESSAGE", "REFER", "SUBSCRIBE", "OPTIONS", "BYE", "INFO", "PRACK", "NEWONE"]
    )
    def test_other_methods(self, stage: Stage, method: str) -> None:
        _, sent = stage.let_in(stage.request(method, f"sip:{NUMBER}@{FIRST}"))
        assert told(sent) == [403]
        assert nothing_left(stage)

    @pytest.mark.parametrize("uri", URIS)
    def test_a_stranger_does_so(self, stage: Stage, uri: str) -> None:
        assert told(stage.receive(stage.request("INVITE", uri, caller="sip:x@elsewhere.example"))) == [403]
        assert nothing_left(stage)

    def test_a_stray_ack_goes_nowhere(self, stage: Stage) -> None:
        stage.receive(stage.request("ACK", f"sip:{NUMBER}@{FIRST}", to_tag="x"))
        assert nothing_left(stage)

    def test_maddr_leads_nobody_anywhere_else(self, stage: Stage) -> None:
        stage.hosts["elsewhere.example"] = ["203.0.113.7"]
        request = stage.request("INVITE", f"sip:{NUMBER}@elsewhere.example;maddr={FIRST}")
        stage.let_in(request)
        assert nothing_left(stage)

    @pytest.mark.parametrize(
        "host", ["224.0.0.1", "224.0.1.75", "255.255.255.255", "0.0.0.0", "[ff02::1]", "[::]"]
    )
    def test_by_an_address_that_many_have_or_nobody(self, stage: Stage, host: str) -> None:
        """A gateway in our network hears what is said to all; one on this machine, what is said to nobody."""
        _, sent = stage.let_in(stage.request("INVITE", f"sip:{NUMBER}@{host}"))
        assert told(sent) == [404]
        stage.hosts["all.example"] = [host.strip("[]")]
        _, sent = stage.let_in(stage.request("INVITE", f"sip:{NUMBER}@all.example"))
        assert told(sent) == [404]

    @pytest.mark.parametrize("here", ["127.0.0.1", PROXY])
    def test_a_gateway_on_this_machine_has_all_of_its_addresses(self, stage: Stage, here: str) -> None:
        stage.listeners = (*stage.listeners, ("udp", "127.0.0.1", 5060))  # or nobody gets there
        stage.restarted()
        stage.peers(gateways=(row(1, here, 1, port=5080),))
        for host in ("127.0.0.1", "127.0.0.53", PROXY, "[::1]", "[::ffff:127.0.0.1]"):
            _, sent = stage.let_in(stage.request("INVITE", f"sip:{NUMBER}@{host}:5080"))
            assert told(sent) == [403], host
        _, sent = stage.let_in(stage.request("INVITE", "sip:x@127.0.0.53:5999"))
        assert to(sent, "127.0.0.53")  # a phone on this machine is none


class TestByALocation:
    @pytest.mark.parametrize("uri", URIS[:-1])
    def test_the_gateway_as_a_registered_contact(self, stage: Stage, uri: str) -> None:
        stage.bind("11", uri)
        _, sent = stage.let_in(stage.request("INVITE"))
        assert told(sent) == [403]
        assert nothing_left(stage)

    def test_also_for_a_stranger_who_needs_no_password(self, stage: Stage) -> None:
        stage.bind("11", f"sip:{NUMBER}@{FIRST}")
        assert told(stage.receive(stage.request("INVITE", caller="sip:x@elsewhere.example"))) == [403]
        assert nothing_left(stage)

    def test_a_contact_beside_a_real_phone_and_the_phone_rings(self, stage: Stage) -> None:
        stage.bind("11", f"sip:{NUMBER}@{FIRST}", "sip:11@192.0.2.11")
        _, sent = stage.let_in(stage.request("INVITE"))
        assert to(sent, PHONE.host)
        assert nothing_left(stage)

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_a_registration_that_was_sent_with_the_gateways_address(
        self, stage: Stage, transport: str
    ) -> None:
        """By a spoofed packet, or behind the same NAT: the way back would be the gateway."""
        stage.bind("11", "sip:11@10.0.0.1", hop=Hop(transport, FIRST, 5060, -1, 7))
        _, sent = stage.let_in(stage.request("INVITE"))
        assert 403 in told(sent)
        assert nothing_left(stage)

    @pytest.mark.parametrize("path", [f"<sip:{FIRST};lr>", "<sip:gw.example.net;lr>", f"<sip:{FIRST}:5099>"])
    def test_a_path_over_the_gateway(self, stage: Stage, path: str) -> None:
        stage.bind("11", "sip:11@192.0.2.11", path=path)
        stage.let_in(stage.request("INVITE"))
        assert nothing_left(stage)

    def test_a_cancel_or_an_ack_that_nobody_knows_follows_no_contact_there(self, stage: Stage) -> None:
        stage.bind("11", f"sip:{NUMBER}@{FIRST}")
        for method in ("CANCEL", "ACK"):
            stage.receive(stage.request(method, f"sip:11@{DOMAIN}", to_tag="x"))
        assert nothing_left(stage)

    @pytest.mark.parametrize("uri", URIS[:-1])
    def test_an_alias_that_stands_for_the_gateway(self, stage: Stage, uri: str) -> None:
        stage.aliases[f"12@{DOMAIN}"] = uri
        _, sent = stage.let_in(stage.request("INVITE", f"sip:12@{DOMAIN}"))
        assert told(sent) == [403]
        assert nothing_left(stage)

    def test_the_gateway_calls_one_who_has_its_own_address_registered(self, stage: Stage) -> None:
        stage.bind("11", f"sip:{NUMBER}@{SECOND}")
        assert told(from_gateway(stage)) == [403]
        assert not to(stage.sent, SECOND)


class TestByARoute:
    @pytest.mark.parametrize("route", [f"<sip:{FIRST};lr>", "<sip:gw.example.net;lr>", f"<sip:{FIRST}>"])
    def test_a_preloaded_route(self, stage: Stage, route: str) -> None:
        for caller in (f"sip:11@{DOMAIN}", "sip:x@elsewhere.example"):
            request = stage.request(
                "INVITE", f"sip:{NUMBER}@{DOMAIN}", caller=caller, headers=[("Route", route)]
            )
            assert told(stage.receive(request)) == [403]
            own = f"<sip:192.0.2.1;lr>, {route}"
            request = stage.request(
                "INVITE", f"sip:{NUMBER}@{DOMAIN}", caller=caller, headers=[("Route", own)]
            )
            assert told(stage.receive(request)) == [403]
        assert nothing_left(stage)

    def test_an_invented_to_tag_and_an_invented_proof(self, stage: Stage) -> None:
        for proof in ("", ";ftag=fromc;sig=00112233445566778899", ";gwt=00112233445566778899", ";gwf=0"):
            route = f"<sip:192.0.2.1;lr{proof}>"
            request = stage.request(
                "INVITE", f"sip:{NUMBER}@{FIRST}", call_id="c", to_tag="x", headers=[("Route", route)]
            )
            stage.receive(request)
        assert nothing_left(stage)


def accomplice(stage: Stage) -> list[tuple[str, str]]:
    """10 has called the accomplice 11, who has answered: the Route of that call, signed by us."""
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(stage.request("INVITE", call_id="c"))
    (invite,) = to(sent, PHONE.host)
    sent = answer(stage, invite, 200, PHONE)
    return [("Route", route) for route in sent[0].message.all("Record-Route")]


def in_dialog(
    stage: Stage, method: str, uri: str, routes: list[tuple[str, str]], **options: object
) -> list[Sent]:
    values = {"call_id": "c", "to_tag": "gwtag", "cseq": 9} | options
    return stage.receive(stage.request(method, uri, headers=routes, **values))  # type: ignore[arg-type]


class TestByADialog:
    @pytest.mark.parametrize("uri", URIS)
    def test_a_signed_route_of_a_call_with_an_accomplice(self, stage: Stage, uri: str) -> None:
        routes = accomplice(stage)
        for to_tag in ("gwtag", "invented"):
            assert told(in_dialog(stage, "INVITE", uri, routes, to_tag=to_tag)) == [403]
        assert nothing_left(stage)

    @pytest.mark.parametrize(
        "method", ["INVITE", "REFER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "INFO", "UPDATE"]
    )
    def test_with_any_method_that_could_begin_something(self, stage: Stage, method: str) -> None:
        in_dialog(stage, method, f"sip:{NUMBER}@{FIRST}", accomplice(stage))
        assert nothing_left(stage)

    def test_and_with_a_second_route_behind_it(self, stage: Stage) -> None:
        routes = [*accomplice(stage), ("Route", f"<sip:{FIRST};lr>")]
        assert told(in_dialog(stage, "INVITE", f"sip:{NUMBER}@{DOMAIN}", routes)) == [403]
        assert told(in_dialog(stage, "INVITE", "sip:11@192.0.2.11", routes)) == [403]
        assert nothing_left(stage)

    def test_and_around_by_ourselves_to_be_taken_for_somebody_who_is_trusted(self, stage: Stage) -> None:
        """Whoever trusts this very box, for a program on it, does not trust what the box was made to send."""
        trust(stage, PROXY, "int,ld,local")
        routes = [*accomplice(stage), ("Route", f"<sip:{PROXY};lr>")]
        sent = in_dialog(stage, "INVITE", f"sip:{NUMBER}@{DOMAIN}", routes)
        (around,) = to(sent, PROXY)
        assert told(stage.receive(around, Hop("udp", PROXY, 5060))) == [407]
        assert nothing_left(stage)
        program = stage.request("INVITE", f"sip:{NUMBER}@{DOMAIN}", source=PROXY)
        assert to(stage.receive(program, Hop("udp", PROXY, 5070)), FIRST)

    def test_and_by_a_strict_router_in_between(self, stage: Stage) -> None:
        (route,) = accomplice(stage)
        own = route[1].strip("<>")
        request = stage.request(
            "INVITE", own, call_id="c", to_tag="x", cseq=9, headers=[("Route", f"<sip:{NUMBER}@{FIRST}>")]
        )
        assert told(stage.receive(request)) == [403]
        assert nothing_left(stage)


class TestInACallWithTheGateway:
    """What belongs to a call that was let in has to pass, in both directions, and nothing else."""

    def called(self, stage: Stage) -> list[tuple[str, str]]:
        """10 calls a number, the gateway has answered; his Routes."""
        _, sent = dial(stage, "0891234", call_id="c")
        (invite,) = to(sent, FIRST)
        sent = answer(stage, invite, 200)
        return [("Route", route) for route in sent[0].message.all("Record-Route")]

    @pytest.mark.parametrize("method", ["INVITE", "UPDATE", "BYE", "INFO", "ACK", "MESSAGE"])
    def test_our_user_goes_on_in_it(self, stage: Stage, method: str) -> None:
        routes = self.called(stage)
        before = len(to(stage.sent, FIRST))
        in_dialog(stage, method, f"sip:gw@{FIRST}:5060", routes)
        (message,) = to(stage.sent, FIRST)[before:]
        assert (message.method, message.has("Route")) == (method, False)

    @pytest.mark.parametrize(
        ("refer_to", "passes"),
        [
            (f"<sip:11@{DOMAIN}>", True),  # the gateway asks us for him, and has no rights here
            (f"<sip:{NUMBER}@{DOMAIN}>", True),
            (f"<sip:gw@{FIRST}?Replaces=c2%3Bto-tag%3Da%3Bfrom-tag%3Db>", True),  # another call that is up
            (f"<sip:{NUMBER}@{FIRST}>", False),
            (f"<sip:{NUMBER}@gw.example.net>", False),
            (f"<sip:{NUMBER}@{SECOND}>", False),
            (f"<tel:{NUMBER}>", False),
            ("<nonsense", False),
            ("", False),
        ],
    )
    def test_he_has_it_transferred_to_nobody_at_the_gateway(
        self, stage: Stage, refer_to: str, passes: bool
    ) -> None:
        routes = [*self.called(stage), ("Refer-To", refer_to)]
        before = len(to(stage.sent, FIRST))
        in_dialog(stage, "REFER", f"sip:gw@{FIRST}", routes)
        assert (len(to(stage.sent, FIRST)) > before) is passes

    def test_also_from_the_first_ringing_on(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234", call_id="c")
        (invite,) = to(sent, FIRST)
        (ringing,) = answer(stage, invite, 183)
        routes = [("Route", route) for route in ringing.message.all("Record-Route")]
        assert to(in_dialog(stage, "UPDATE", f"sip:gw@{FIRST}", routes), FIRST)

    def test_and_after_a_restart(self, stage: Stage) -> None:
        routes = self.called(stage)
        stage.restarted()
        assert to(in_dialog(stage, "INVITE", f"sip:gw@{FIRST}", routes), FIRST)

    @pytest.mark.parametrize("method", ["INVITE", "REFER", "MESSAGE"])
    def test_another_to_tag_is_another_call(self, stage: Stage, method: str) -> None:
        routes = self.called(stage)
        before = len(to(stage.sent, FIRST))
        in_dialog(stage, method, f"sip:{NUMBER}@{FIRST}", routes, to_tag="invented")
        in_dialog(stage, method, f"sip:{NUMBER}@{FIRST}", routes, call_id="another")
        assert len(to(stage.sent, FIRST)) == before

    def test_and_another_carrier_is_another_call(self, stage: Stage) -> None:
        routes = self.called(stage)
        assert told(in_dialog(stage, "INVITE", f"sip:{NUMBER}@{SECOND}", routes)) == [403]
        assert not to(stage.sent, SECOND)

    def test_what_the_caller_claims_in_it_is_taken_out(self, stage: Stage) -> None:
        routes = [*self.called(stage), ("P-Asserted-Identity", "<sip:boss@example.org>")]
        (message,) = to(in_dialog(stage, "UPDATE", f"sip:gw@{FIRST}", routes), FIRST)
        assert not message.has("P-Asserted-Identity")

    def test_the_one_who_is_called_by_the_gateway_goes_on_in_it(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11")
        (invite,) = to(from_gateway(stage, call_id="c"), PHONE.host)
        routes = [("Route", route) for route in invite.all("Record-Route")]
        tag = parameter(invite.get("From"), "tag")
        answer(stage, invite, 200, PHONE)

        def from_phone(method: str, uri: str, to_tag: str) -> list[Sent]:
            request = stage.request(
                method, uri, caller=f"sip:11@{DOMAIN}", call_id="c", to_tag=to_tag, cseq=7, headers=routes
            )
            return stage.receive(request, PHONE)

        for method in ("INVITE", "UPDATE", "BYE"):
            assert to(from_phone(method, f"sip:+4930123@{FIRST}", tag), FIRST)
        # The phone is a thief's: it knows the Call-ID and a signed Route, and wants a call of its own.
        for to_tag in ("invented", ""):
            assert not to(from_phone("INVITE", f"sip:{NUMBER}@{FIRST}", to_tag), FIRST)
        assert not to(from_phone("INVITE", f"sip:{NUMBER}@{SECOND}", tag), SECOND)

    def test_the_gateway_hangs_up(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234", call_id="c")
        (invite,) = to(sent, FIRST)
        answer(stage, invite, 200)
        bye = stage.request(
            "BYE", "sip:10@192.0.2.10", call_id="c", caller=f"sip:0891234@{FIRST}",
            to_tag=parameter(invite.get("From"), "tag"), headers=[("Route", invite.get("Record-Route"))],
        )  # fmt: skip
        assert to(stage.receive(bye, GATEWAY), "192.0.2.10")

    def test_a_call_that_rang_when_the_process_was_killed_goes_on(self, stage: Stage) -> None:
        """The answer passes a process that knows nothing of the call, only where it comes from."""
        _, sent = dial(stage, "0891234", call_id="c")
        (invite,) = to(sent, FIRST)
        stage.restarted()
        (answered,) = answer(stage, invite, 200)
        routes = [("Route", route) for route in answered.message.all("Record-Route")]
        for method in ("ACK", "INVITE", "BYE"):
            assert to(in_dialog(stage, method, f"sip:gw@{FIRST}", routes), FIRST)
        assert told(in_dialog(stage, "INVITE", f"sip:{NUMBER}@{FIRST}", routes, to_tag="invented")) == [403]

    def test_a_signed_route_without_a_proof_ends_a_call_and_begins_none(self, stage: Stage) -> None:
        _, sent = dial(stage, "0891234", call_id="c")
        (invite,) = to(sent, FIRST)
        routes = [("Route", invite.get("Record-Route"))]
        for method, passes in (("BYE", True), ("ACK", True), ("INVITE", False)):
            assert bool(to(in_dialog(stage, method, f"sip:gw@{FIRST}", routes), FIRST)) is passes


class TestRowsThatChange:
    def test_a_gateway_that_is_one_no_more_is_a_host_like_others(self, stage: Stage) -> None:
        stage.peers()
        _, sent = stage.let_in(stage.request("INVITE", f"sip:x@{FIRST}"))
        assert to(sent, FIRST)

    def test_a_new_one_is_guarded_at_once(self, stage: Stage) -> None:
        stage.peers(gateways=(row(9, "203.0.113.9", 5),))
        _, sent = stage.let_in(stage.request("INVITE", "sip:x@203.0.113.9"))
        assert told(sent) == [403]

    def test_who_is_trusted_goes_to_a_gateway_by_a_number_only(self, stage: Stage) -> None:
        trust(stage, "192.0.2.10", "int,ld,local")
        assert told(stage.receive(stage.request("INVITE", f"sip:{NUMBER}@{FIRST}"))) == [403]
        assert to(stage.receive(stage.request("INVITE", f"sip:{NUMBER}@{DOMAIN}")), FIRST)
