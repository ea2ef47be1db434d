"""What somebody makes up, or has from another call, and what comes of it.

| forged | what happens |
|---|---|
| received, rport, maddr or another's address in Via | the answer goes back to where the request came from |
| a response with a branch like ours | dropped |
| a response with our branch, and another way back under it | dropped |
| a Route to somebody else, without a dialog | 403 |
| a Route of ours with an invented signature, or that of another call, or with other flags | a challenge |
| a Route of ours of a call that he was in, for a call with another Call-ID | a challenge |
| a nonce that we never gave, of another server, for another realm | 401, a new nonce |
| a nonce from before a restart, or one that ran out, with the right password | 401, ``stale`` |
| the same credentials once more, or for another method or address | 401 |
| a nonce of a worker that lives no more | 401, ``stale`` |
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.auth.nonce import NonceSource
from appliance.sip.hop import Hop
from tests.harness.digest import challenge_of
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, PROXY, Sent, Stage, response_to

#: Where the attacker is, and whom he would have met.
HERE, VICTIM = Hop("udp", "192.0.2.66", 5060), "203.0.113.99"
PHONE = Hop("udp", "192.0.2.11", 5060)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    for user in ("10", "11"):
        stage.add_user(user)
    stage.bind("11", "sip:11@192.0.2.11")
    return stage


def to_victim(sent: list[Sent]) -> list[Sent]:
    return [each for each in sent if each.hop.host == VICTIM]


@pytest.mark.parametrize(
    "via",
    [
        f"SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKx;received={VICTIM}",
        f"SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKx;received={VICTIM};rport=7",
        f"SIP/2.0/UDP {VICTIM};branch=z9hG4bKx",
        f"SIP/2.0/UDP {VICTIM};branch=z9hG4bKx;rport;maddr={VICTIM}",
        f"SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKx;maddr={VICTIM};ttl=16",
        f"SIP/2.0/TCP {VICTIM};branch=z9hG4bKx",
        f"SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKx, SIP/2.0/UDP {VICTIM};branch=z9hG4bKy",
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE"])
def test_an_answer_goes_back_to_where_the_request_came_from(stage: Stage, via: str, method: str) -> None:
    uri = f"sip:{DOMAIN}" if method != "INVITE" else f"sip:11@{DOMAIN}"
    sent = stage.receive(stage.request(method, uri).with_header("Via", via), HERE)
    assert [each.hop.host for each in sent] == [HERE.host]
    assert f"received={VICTIM}" not in sent[0].message.all("Via")[0]


def call_of_a_stranger(stage: Stage) -> Message:
    """The INVITE as it reached the phone of 11, with our branch in it."""
    invite = stage.request("INVITE", caller="sip:bob@elsewhere.example", source="192.0.2.66")
    return next(each.message for each in stage.receive(invite, HERE) if each.message.is_request)


@pytest.mark.parametrize("status", [180, 200, 486])
def test_a_response_with_an_invented_branch_is_dropped(stage: Stage, status: int) -> None:
    invite = call_of_a_stranger(stage)
    forged = response_to(invite, status)
    ours = forged.all("Via")[0]
    branch = invite.branches[0]
    for invented in (
        branch[:-1] + ("0" if branch[-1] != "0" else "1"),
        "z9hG4bKsba16b.1.2",
        "z9hG4bK" + "0" * 40,
    ):
        vias = (ours.replace(branch, invented), f"SIP/2.0/UDP {VICTIM};branch=z9hG4bKv")
        assert stage.receive(with_vias(forged, vias), PHONE) == []


@pytest.mark.parametrize("status", [200, 486])
@pytest.mark.parametrize("restarted", [False, True])
def test_nobody_points_our_branch_at_somebody_else(stage: Stage, status: int, restarted: bool) -> None:
    """The phone has the branch, and after a restart a response finds its way by its Vias alone."""
    invite = call_of_a_stranger(stage)
    if restarted:
        stage.restarted()
    forged = response_to(invite, status)
    vias = (forged.all("Via")[0], f"SIP/2.0/UDP {VICTIM};branch=z9hG4bKv")
    assert to_victim(stage.receive(with_vias(forged, vias), PHONE)) == []


def with_vias(message: Message, vias: tuple[str, ...]) -> Message:
    others = tuple(header for header in message.headers if header[0] != "Via")
    return Message(message.start_line, (*(("Via", via) for via in vias), *others), message.body)


def routes_of_a_call(stage: Stage) -> tuple[Message, list[str]]:
    """A call of 10 to 11, answered: the INVITE as it reached 11, and its Record-Routes."""
    _, sent = stage.let_in(stage.request("INVITE", call_id="genuine"))
    invite = next(each.message for each in sent if each.message.is_request)
    stage.receive(response_to(invite, 200), PHONE)
    return invite, invite.all("Record-Route")


Forge = Callable[[str], str]


@pytest.mark.parametrize(
    ("forge", "call_id"),
    [
        (lambda route: f"<sip:{PROXY};lr>", "genuine"),
        (lambda route: f"<sip:{PROXY};lr=on;ftag=from1;sig={'0' * 20}>", "genuine"),
        (lambda route: route[:-2] + ("0" if route[-2] != "0" else "1") + ">", "genuine"),
        (lambda route: route.replace(";sig=", ";flags=nmr;sig="), "genuine"),
        (lambda route: route.replace("ftag=", "ftag=x"), "genuine"),
        (lambda route: route, "another"),
    ],
    ids=["bare", "invented", "changed", "flags", "tag", "another call"],
)
def test_a_route_that_was_not_signed_for_this_call_lets_nobody_in(
    stage: Stage, forge: Forge, call_id: str
) -> None:
    invite, (route,) = routes_of_a_call(stage)
    request = stage.request(
        "INVITE",
        f"sip:0900123456@{VICTIM}",
        to_tag="callee",
        call_id=call_id,
        headers=[("Route", forge(route))],
    ).with_header("From", invite.get("From"))
    sent = stage.receive(request, HERE)
    assert [each.message.status for each in sent] == [407]
    assert to_victim(sent) == []


def test_the_route_that_was_signed_is_believed(stage: Stage) -> None:
    """Or the test above would show nothing."""
    invite, (route,) = routes_of_a_call(stage)
    request = stage.request(
        "BYE", "sip:11@192.0.2.11", to_tag="callee", call_id="genuine", headers=[("Route", route)]
    )
    sent = stage.receive(request.with_header("From", invite.get("From")), HERE)
    assert [(each.message.method, each.hop.host) for each in sent] == [("BYE", "192.0.2.11")]


@pytest.mark.parametrize(
    "route", [f"<sip:{VICTIM};lr>", f"<sip:{PROXY};lr>, <sip:{VICTIM};lr>", f"<sip:{VICTIM}>"]
)
@pytest.mark.parametrize("to_tag", [None, "invented"])
def test_nobody_is_led_through_us(stage: Stage, route: str, to_tag: str | None) -> None:
    request = stage.request("INVITE", f"sip:11@{DOMAIN}", to_tag=to_tag, headers=[("Route", route)])
    sent = stage.receive(request, HERE)
    assert [each.message.status for each in sent] == [403]


def nonces(stage: Stage) -> str:
    (challenge,) = stage.receive(stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}"))
    return challenge.message.get("WWW-Authenticate")


def registering(stage: Stage, asked: str, **options: str) -> list[Sent]:
    request = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
    challenge = Message("SIP/2.0 401 Unauthorized", (("WWW-Authenticate", asked),))
    return stage.receive(stage.answered(request, challenge, **options))


def refused(sent: list[Sent]) -> str:
    """What the next challenge says of ``stale``; AssertionError unless it is one."""
    (answer,) = sent
    assert answer.message.status == 401, answer.message
    return challenge_of(answer.message.get("WWW-Authenticate")).get("stale", "").lower()


@pytest.mark.parametrize(
    "nonce", ["", "0", "AAAA", "\x00", "a" * 5000, "awzo+3sVUZMAAAAAAAAABhasyrm8RBwlAEIq"]
)
def test_a_nonce_that_we_never_gave(stage: Stage, nonce: str) -> None:
    asked = nonces(stage)
    refused(registering(stage, asked.replace(challenge_of(asked)["nonce"], nonce)))


def test_a_nonce_of_another_server(stage: Stage) -> None:
    other = NonceSource(b"another key of theirs".ljust(32), 300.0, 0, 7, 1000).issue(
        1_800_000_000.0 + stage.now
    )
    asked = nonces(stage)
    refused(registering(stage, asked.replace(challenge_of(asked)["nonce"], other)))


def test_a_nonce_for_another_realm(stage: Stage) -> None:
    refused(registering(stage, nonces(stage).replace(f'realm="{DOMAIN}"', 'realm="elsewhere.example"')))


def test_a_nonce_from_before_a_restart(stage: Stage) -> None:
    asked = nonces(stage)
    stage.restarted()
    assert refused(registering(stage, asked)) == "true"
    assert refused(registering(stage, asked, password="wrong")) != "true"


def test_a_nonce_that_ran_out(stage: Stage) -> None:
    asked = nonces(stage)
    stage.now += 301
    assert refused(registering(stage, asked)) == "true"


def test_credentials_that_were_overheard(stage: Stage) -> None:
    request = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
    (challenge,) = stage.receive(request)
    again = stage.answered(request, challenge.message)
    assert stage.receive(again)[0].message.status == 200
    credentials = again.get("Authorization")
    for method, uri in (("REGISTER", f"sip:{DOMAIN}"), ("INVITE", f"sip:11@{DOMAIN}")):
        thief = stage.request(
            method, uri, to=f"sip:10@{DOMAIN}" if method == "REGISTER" else None, source="192.0.2.66"
        )
        name = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        (answer,) = stage.receive(thief.with_header(name, credentials), HERE)
        assert answer.message.status in (401, 407)


def test_a_nonce_of_a_worker_that_lives_no_more() -> None:
    """All workers have one key; a count is kept by the one that gave the nonce: only that one believes it."""
    one, two = Stage(worker=1), Stage(worker=2)
    for stage in (one, two):
        stage.add_user("10")
    assert refused(registering(two, nonces(one))) == "true"
    assert registering(one, nonces(one))[0].message.status == 200
