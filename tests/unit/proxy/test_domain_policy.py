"""The matrix of local and foreign From and Request-URI, cell by cell; docs/domains.md shows it as a table."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import PROXY, Sent, Stage

HOSTS: dict[str, Any] = {"example.org": {"hosts": ["sip.example.org"]}}
DOMAINS = ("example.org", "example.net")
LOCAL, OTHER_NAME, SECOND, FOREIGN = "example.org", "sip.example.org", "example.net", "elsewhere.example"
CALLEES = {LOCAL: "phone", OTHER_NAME: "phone", SECOND: "second phone", FOREIGN: "other server"}
WAYS = {"192.0.2.11": "phone", "192.0.2.12": "second phone", "203.0.113.7": "other server"}

NO_ROUTE: tuple[tuple[str, str], ...] = ()
OURS = (("Route", f"<sip:{PROXY};lr>"),)
PRELOADED = (("Route", "<sip:gateway.example;lr>"),)


def stage_of(garden: str = "off", domains: dict[str, Any] = HOSTS) -> Stage:
    """10 and 11 live in the first domain, 10 with another password in the second one too."""
    stage = Stage(sip={"domains": DOMAINS, "walled_garden": garden}, domains=domains)
    stage.add_user("10")
    stage.add_user("11")
    stage.add_user("10", "other", SECOND)
    stage.bind("11", "sip:11@192.0.2.11")
    stage.bind("11", "sip:11@192.0.2.12", domain=SECOND)
    stage.hosts[FOREIGN] = ["203.0.113.7"]
    return stage


class Transport:
    """How a request comes in: by which transport, and with which Via."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hop = Hop("udp", "192.0.2.10", 5060) if name == "udp" else Hop("tcp", "192.0.2.10", 40_000, 1, 7)

    def ask(self, stage: Stage, request: Message) -> list[Sent]:
        return stage.receive(self._with_via(request), self.hop)

    def let_in(self, stage: Stage, request: Message, **options: str) -> list[Sent]:
        return stage.let_in(self._with_via(request), self.hop, **options)[1]

    def _with_via(self, request: Message) -> Message:
        return request.with_header("Via", request.get("Via").replace("/UDP", f"/{self.name.upper()}"))


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> Transport:
    return Transport(request.param)


@pytest.fixture(params=[None, "invented"], ids=["no To tag", "To tag"])
def to_tag(request: pytest.FixtureRequest) -> str | None:
    return request.param  # type: ignore[no-any-return]


def outcome(sent: list[Sent]) -> tuple[int, str] | str:
    """The final reply, or whom the request was sent on to."""
    assert sent
    forwarded = [each for each in sent if each.message.is_request]
    if forwarded:
        return WAYS[forwarded[0].hop.host]
    assert len(sent) == 1
    return sent[0].message.status, sent[0].message.reason


def call(stage: Stage, caller: str, callee: str, to_tag: str | None, route: Any = NO_ROUTE) -> Message:
    return stage.request(
        "INVITE", f"sip:11@{callee}", caller=f"sip:10@{caller}", to_tag=to_tag, headers=route
    )


@pytest.mark.parametrize("route", [NO_ROUTE, OURS], ids=["no Route", "our Route, unsigned"])
@pytest.mark.parametrize(
    ("caller", "callee"), list(itertools.product([LOCAL, OTHER_NAME, SECOND], CALLEES)), ids="-".join
)
def test_local_callers_prove_who_they_are_and_call_everywhere(
    transport: Transport, to_tag: str | None, caller: str, callee: str, route: Any
) -> None:
    stage = stage_of()
    request = call(stage, caller, callee, to_tag, route)
    (challenge,) = transport.ask(stage, request)
    assert (challenge.message.status, challenge.message.reason) == (407, "Proxy Authentication Required")
    realm = SECOND if caller == SECOND else LOCAL
    assert f'realm="{realm}"' in challenge.message.get("Proxy-Authenticate")
    request = call(stage, caller, callee, to_tag, route)
    sent = transport.let_in(stage, request, password="other" if caller == SECOND else "secret")
    assert outcome(sent) == CALLEES[callee]


@pytest.mark.parametrize("route", [NO_ROUTE, OURS], ids=["no Route", "our Route, unsigned"])
@pytest.mark.parametrize("callee", [LOCAL, OTHER_NAME, SECOND])
def test_foreign_callers_call_our_users(
    transport: Transport, to_tag: str | None, callee: str, route: Any
) -> None:
    stage = stage_of()
    assert outcome(transport.ask(stage, call(stage, FOREIGN, callee, to_tag, route))) == CALLEES[callee]
    absent = stage.request("INVITE", f"sip:12@{callee}", caller=f"sip:10@{FOREIGN}", to_tag=to_tag)
    assert outcome(transport.ask(stage, absent)) == (480, "Temporarily Unavailable")


@pytest.mark.parametrize("route", [NO_ROUTE, OURS], ids=["no Route", "our Route, unsigned"])
def test_foreign_callers_call_nobody_else(transport: Transport, to_tag: str | None, route: Any) -> None:
    stage = stage_of()
    sent = transport.ask(stage, call(stage, FOREIGN, FOREIGN, to_tag, route))
    assert outcome(sent) == ((403, "Relaying Forbidden") if to_tag is None else (404, "No route matched"))


@pytest.mark.parametrize(("caller", "callee"), list(itertools.product(CALLEES, CALLEES)), ids="-".join)
def test_a_route_that_we_did_not_sign_is_refused_whoever_calls_whom(
    transport: Transport, to_tag: str | None, caller: str, callee: str
) -> None:
    stage = stage_of()
    sent = transport.ask(stage, call(stage, caller, callee, to_tag, PRELOADED))
    assert outcome(sent) == (403, "Preloaded Route Forbidden")


@pytest.mark.parametrize("garden", ["inbound", "both"])
def test_a_walled_garden_lets_no_stranger_in(transport: Transport, to_tag: str | None, garden: str) -> None:
    stage = stage_of(garden)
    for callee in (LOCAL, OTHER_NAME, SECOND):
        sent = transport.ask(stage, call(stage, FOREIGN, callee, to_tag))
        assert outcome(sent) == (403, "Foreign Callers Forbidden")
    assert outcome(transport.ask(stage, call(stage, FOREIGN, FOREIGN, None))) == (403, "Relaying Forbidden")
    sent = transport.let_in(stage, call(stage, LOCAL, LOCAL, to_tag))
    assert outcome(sent) == "phone"


@pytest.mark.parametrize(
    ("garden", "told"), [("inbound", "other server"), ("both", (403, "Relaying Forbidden"))]
)
def test_a_walled_garden_may_keep_its_own_users_in(transport: Transport, garden: str, told: Any) -> None:
    stage = stage_of(garden)
    assert outcome(transport.let_in(stage, call(stage, LOCAL, FOREIGN, None))) == told


def test_a_domain_may_be_a_garden_of_its_own(transport: Transport) -> None:
    closed = {"hosts": [OTHER_NAME], "attributes": {"walled_garden": "both"}}
    opened = {"attributes": {"walled_garden": "off"}}
    stage = stage_of("inbound", domains={LOCAL: closed, SECOND: opened})
    for callee, told in ((OTHER_NAME, (403, "Foreign Callers Forbidden")), (SECOND, "second phone")):
        assert outcome(transport.ask(stage, call(stage, FOREIGN, callee, None))) == told
    sent = transport.let_in(stage, call(stage, OTHER_NAME, FOREIGN, None))
    assert outcome(sent) == (403, "Relaying Forbidden")
    sent = transport.let_in(stage, call(stage, SECOND, FOREIGN, None), password="other")
    assert outcome(sent) == "other server"
    # Our own address is the first domain; what nobody understands is as if it were not there.
    own = stage.request("INVITE", f"sip:11@{PROXY}", caller=f"sip:10@{FOREIGN}")
    assert outcome(transport.ask(stage, own)) == (403, "Foreign Callers Forbidden")
    stage = stage_of(domains={LOCAL: {"attributes": {"walled_garden": "what?"}}})
    assert outcome(transport.ask(stage, call(stage, FOREIGN, LOCAL, None))) == "phone"


@pytest.mark.parametrize(
    ("garden", "told"), [(SECOND, (403, "Relaying Forbidden")), (LOCAL, "other server"), ("", "other server")]
)
def test_the_garden_is_that_of_whoever_forwards(garden: str, told: Any) -> None:
    closed = {garden: {"attributes": {"walled_garden": "both"}}} if garden else {}
    stage = stage_of(domains=closed)
    stage.wishes[f"11@{SECOND}"] = Preferences(always=f"sip:x@{FOREIGN}")
    sent = Transport("udp").let_in(stage, call(stage, LOCAL, SECOND, None))
    assert outcome(sent) == told


@pytest.mark.parametrize(
    ("registrar", "caller", "to", "told"),
    [
        (FOREIGN, LOCAL, LOCAL, (403, "Register Forwarding Forbidden")),
        (FOREIGN, FOREIGN, LOCAL, (403, "Relaying Forbidden")),
        (LOCAL, LOCAL, FOREIGN, (404, "Unknown Domain")),
        (SECOND, FOREIGN, FOREIGN, (404, "Unknown Domain")),
        (LOCAL, LOCAL, LOCAL, (401, "Unauthorized")),
        (OTHER_NAME, FOREIGN, LOCAL, (401, "Unauthorized")),
        (LOCAL, LOCAL, SECOND, (401, "Unauthorized")),
    ],
)
def test_which_registers_are_ours(
    transport: Transport, registrar: str, caller: str, to: str, told: tuple[int, str]
) -> None:
    stage = stage_of()
    stage.credentials.away = True  # nobody asks the database about a domain that is not ours
    request = stage.request("REGISTER", f"sip:{registrar}", caller=f"sip:10@{caller}", to=f"sip:10@{to}")
    assert outcome(transport.ask(stage, request)) == told


def test_nobody_is_refused_as_a_stranger_while_rows_have_never_been_read(
    transport: Transport, to_tag: str | None
) -> None:
    """The database is away since the start: the domain may be one of ours."""
    stage = stage_of()
    stage.core.domains.take(dict(stage.core.domains.items()), complete=False)
    asked = [call(stage, FOREIGN, FOREIGN, to_tag)]
    asked += [
        stage.request("REGISTER", f"sip:{registrar}", caller=f"sip:10@{FOREIGN}", to=f"sip:10@{FOREIGN}")
        for registrar in (LOCAL, FOREIGN)
    ]
    for request in asked:
        (reply,) = transport.ask(stage, request)
        assert (reply.message.status, reply.message.has("Retry-After")) == (503, True)
    assert outcome(transport.let_in(stage, call(stage, LOCAL, LOCAL, to_tag))) == "phone"
    assert outcome(transport.ask(stage, call(stage, FOREIGN, LOCAL, to_tag))) == "phone"
    stage = stage_of("inbound")
    stage.core.domains.take(dict(stage.core.domains.items()), complete=False)
    (reply,) = transport.ask(stage, call(stage, FOREIGN, LOCAL, to_tag))
    assert (reply.message.status, reply.message.has("Retry-After")) == (503, True)


class TestOneDomainWithManyNames:
    """Whoever registers by one name is called, and calls, by every other."""

    def register(self, stage: Stage, host: str, user: str = "10", **options: str) -> list[Sent]:
        uri = f"sip:{user}@{host}"
        request = stage.request("REGISTER", f"sip:{host}", caller=uri, to=uri)
        return stage.let_in(request, **options)[1]

    def test_a_phone_registers_by_one_name_and_is_called_by_another(self) -> None:
        stage = stage_of()
        assert outcome(self.register(stage, OTHER_NAME)) == (200, "OK")
        (binding,) = stage.bindings.commits[0][0]
        assert str(binding.aor) == f"10@{LOCAL}"
        for host in (LOCAL, OTHER_NAME):
            sent = stage.receive(stage.request("INVITE", f"sip:10@{host}", caller=f"sip:bob@{FOREIGN}"))
            assert sent[0].message.uri == "sip:10@192.0.2.10"
        sent = stage.receive(stage.request("INVITE", f"sip:10@{SECOND}", caller=f"sip:bob@{FOREIGN}"))
        assert outcome(sent) == (480, "Temporarily Unavailable")

    def test_it_registers_once_by_all_of_them(self) -> None:
        stage = stage_of()
        self.register(stage, OTHER_NAME)
        (reply,) = self.register(stage, LOCAL)
        assert len(reply.message.all("Contact")) == 1

    @pytest.mark.parametrize(("name", "said"), [("10", LOCAL), (f"10@{LOCAL}", OTHER_NAME)])
    def test_from_and_credentials_may_say_different_names(self, name: str, said: str) -> None:
        stage = stage_of()
        sent = stage.let_in(call(stage, said, LOCAL, None), username=name)[1]
        assert outcome(sent) == "phone"

    def test_names_of_two_domains_are_two_users(self) -> None:
        stage = stage_of()
        sent = stage.let_in(call(stage, LOCAL, LOCAL, None), username=f"10@{SECOND}")[1]
        assert outcome(sent)[0] == 407

    def test_the_realm_is_an_attribute_of_the_domain(self) -> None:
        domains = {LOCAL: {"hosts": [OTHER_NAME], "attributes": {"digest_realm": "The Realm"}}}
        stage = Stage(sip={"domains": DOMAINS}, domains=domains)
        stage.add_user("10")
        for host in (LOCAL, OTHER_NAME):
            (challenge,) = stage.receive(call(stage, host, LOCAL, None))
            assert 'realm="The Realm"' in challenge.message.get("Proxy-Authenticate")
        assert outcome(self.register(stage, OTHER_NAME)) == (200, "OK")


class TestIdentity:
    """From and To name the user of the credentials, or a further name of his."""

    def test_from_is_the_user_of_the_credentials(self, transport: Transport) -> None:
        stage = stage_of()
        request = stage.request("INVITE", caller=f"sip:11@{LOCAL}")
        assert outcome(transport.let_in(stage, request)) == (403, "Forbidden, Use From=ID")

    def test_to_is_the_user_of_the_credentials(self, transport: Transport) -> None:
        stage = stage_of()
        request = stage.request("REGISTER", f"sip:{LOCAL}", to=f"sip:11@{LOCAL}")
        assert outcome(transport.let_in(stage, request)) == (403, "Authentication and To-Header Mismatch")

    def test_a_further_name_is_his_too(self, transport: Transport) -> None:
        stage = stage_of()
        stage.further_names[f"10@{LOCAL}"] = ["sales"]
        for host in (LOCAL, OTHER_NAME):
            request = stage.request("INVITE", caller=f"sip:sales@{host}")
            assert outcome(transport.let_in(stage, request)) == "phone"
        request = stage.request("INVITE", caller=f"sip:sales@{LOCAL}")
        assert outcome(transport.let_in(stage, request, username="11"))[0] == 403
        request = stage.request("REGISTER", f"sip:{LOCAL}", to=f"sip:sales@{LOCAL}")
        assert outcome(transport.let_in(stage, request)) == (200, "OK")
        (binding,) = stage.bindings.commits[0][0]
        assert str(binding.aor) == f"sales@{LOCAL}"
