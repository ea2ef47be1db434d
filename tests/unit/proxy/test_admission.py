"""The door: what is read, what is refused before anybody looks at it, what is known already."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

CALLER, CALLEE = Hop("udp", "192.0.2.10", 5060), Hop("udp", "192.0.2.11", 5060)
FOREIGN = "sip:bob@elsewhere.example"


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.11")
    return stage


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if not each.message.is_request]


class TestUnreadable:
    """Whoever can be answered is."""

    @pytest.mark.parametrize("to", ["<sip:11@example.org", '"Eleven <sip:11@example.org>', "a@b, c@d"])
    @pytest.mark.parametrize("method", ["INVITE", "REGISTER", "MESSAGE"])
    def test_a_to_that_cannot_be_read(self, stage: Stage, method: str, to: str) -> None:
        (reply,) = stage.receive(stage.request(method).with_header("To", to))
        assert (reply.message.status, reply.message.get("To")) == (400, to)

    @pytest.mark.parametrize("method", ["INVITE", "REGISTER", "CANCEL"])
    def test_a_route_that_cannot_be_read(self, stage: Stage, method: str) -> None:
        sent = stage.receive(stage.request(method, headers=[("Route", "<sip:192.0.2.1;lr>, <garbage")]))
        assert statuses(sent) == [400]
        assert stage.receive(stage.request("ACK", headers=[("Route", "<garbage")])) == []

    def test_a_header_beyond_the_limit(self, stage: Stage) -> None:
        request = stage.request("INVITE", headers=[("Subject", "x" * 20_000)])
        (reply,) = stage.receive(request)
        assert reply.message.start_line == "SIP/2.0 513 Message Too Large"

    def test_a_to_without_an_address_is_told_as_it_stands(self, stage: Stage) -> None:
        sent = stage.receive(stage.request("INVITE", caller=FOREIGN, to="nobody"))
        assert statuses(stage.receive(response_to(sent[0].message, 486), CALLEE)) == [486]
        assert stage.told[-1].startswith("bob@elsewhere.example called nobody")


class TestClientsOfRfc2543:
    """Their branches say nothing, or are not there."""

    def old(self, request: Message) -> Message:
        return request.with_header("Via", "SIP/2.0/UDP 192.0.2.10;rport")

    def test_two_requests_at_once_are_two(self, stage: Stage) -> None:
        stage.add_user("12")
        registers = [
            self.old(stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:{user}@{DOMAIN}", call_id=user))
            for user in ("10", "12")
        ]
        first, second = (
            self.old(stage.answered(each, stage.receive(each)[0].message, username=each.call_id))
            for each in registers
        )
        during: list[Sent] = []

        def meanwhile() -> None:
            stage.bindings.waiting = lambda: None
            assert stage.receive(first) == []  # a retransmission
            during.extend(stage.receive(second))

        stage.bindings.waiting = meanwhile
        sent = stage.receive(first)
        assert statuses(during) == [200]
        assert statuses(sent) == [200, 200]


class TestOverload:
    """All greenlets are waiting for something."""

    @pytest.fixture
    def refuse(self, stage: Stage) -> Callable[[Message], list[Sent]]:
        def refuse(message: Message) -> list[Sent]:
            before = len(stage.sent)
            stage.core.admission.refuse_overload(message.encode(), CALLER)
            return stage.sent[before:]

        return refuse

    def test_a_new_request_is_refused(self, stage: Stage, refuse: Callable[[Message], list[Sent]]) -> None:
        (reply,) = refuse(stage.request("INVITE", caller=FOREIGN))
        assert (reply.message.status, reply.message.get("Retry-After")) == (503, "5")

    def test_a_response_gets_through(self, stage: Stage, refuse: Callable[[Message], list[Sent]]) -> None:
        sent = stage.receive(stage.request("INVITE", caller=FOREIGN))
        assert statuses(refuse(response_to(sent[0].message, 200))) == [200]

    def test_what_has_been_answered_is_answered_again(
        self, stage: Stage, refuse: Callable[[Message], list[Sent]]
    ) -> None:
        invite = stage.request("INVITE", caller=FOREIGN)
        stage.receive(invite)
        assert statuses(refuse(invite)) == [100]

    def test_what_is_under_way_is_not_refused(
        self, stage: Stage, refuse: Callable[[Message], list[Sent]]
    ) -> None:
        register = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
        register = stage.answered(register, stage.receive(register)[0].message)
        find, during = stage.credentials.find, []

        def slowly(*arguments: str) -> object:
            during.append(refuse(register))
            return find(*arguments)

        stage.credentials.find = slowly  # type: ignore[assignment, method-assign]
        assert statuses(stage.receive(register)) == [200]
        assert during == [[]]


class TestWhoeverWaits:
    """A call waits while the rows of its callee are read."""

    def waiting(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """What the caller hears within half a second of that."""
        heard: list[int] = []

        def fetch(_: object) -> list[Binding]:
            heard.extend(statuses(stage.advance(0.5)))
            return []

        stage.let_in(
            stage.request("INVITE"), username="10"
        )  # is known from now on: only the rows are waited for
        stage.core.locations.loading = True
        monkeypatch.setattr(stage.bindings, "fetch", fetch)
        stage.let_in(stage.request("INVITE", "sip:12@example.org", call_id="another"), username="10")
        return heard

    def test_is_told_that_we_have_it(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.add_user("12")
        assert self.waiting(stage, monkeypatch) == [100]

    @pytest.mark.parametrize(("may_go", "heard"), [(False, [100]), (True, [])])
    def test_is_told_nothing_when_another_box_may_have_the_address_soon(
        self, may_go: bool, heard: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """He says it again then, and that box hears it; a 100 would make him wait for this one."""
        stage = Stage(cluster={"shared_address": "192.0.2.9"})
        for user in ("10", "12"):
            stage.add_user(user)
        stage.bind("11", "sip:11@192.0.2.11")
        assert stage.core.shared is not None
        stage.core.shared.may_go = lambda: may_go
        assert self.waiting(stage, monkeypatch) == heard


def test_methods_that_strangers_invent_are_not_counted_one_by_one(stage: Stage) -> None:
    for number in range(50):
        stage.receive(stage.request(f"INVENTED{number}", caller=FOREIGN))
    stage.advance(40)
    for counter in (stage.core.transactions.timeouts, stage.metrics.requests_received):
        assert sum("INVENTED" in str(key) for key in counter) <= 1
    assert sum(stage.core.transactions.timeouts.values()) == 50


def test_sizes_and_times_are_observed(stage: Stage) -> None:
    metrics = stage.metrics
    before = metrics.message_bytes["in"].count
    stage.receive(stage.request("OPTIONS"))
    assert metrics.message_bytes["in"].count == before + 1
    assert metrics.request_handling_seconds["OPTIONS"].count == 1
