"""Strangers at the whole proxy: scanners get no answer, guessers are stopped, the owner is not, and nobody
gets more bytes than a datagram had, as far as SIP allows."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.storage.peers import Address
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, PROXY, Stage

STRANGER = Hop("udp", "198.51.100.7", 5060)
BY_TCP = Hop("tcp", "198.51.100.7", 5060, 1, 7)
PHONE = Hop("udp", "192.0.2.10", 5060)
SERVER = f"sip:{PROXY}"


@pytest.fixture
def stage() -> Stage:
    stage = Stage(guarded=True)
    stage.add_user("10")
    stage.bind("10", "sip:10@192.0.2.10:5060")
    return stage


def register(stage: Stage, user: str = "10", source: str = STRANGER.host, **more: str) -> Message:
    headers = [(name.replace("_", "-"), value) for name, value in more.items()]
    return stage.request(
        "REGISTER", f"sip:{DOMAIN}", caller=f"sip:{user}@{DOMAIN}", to=f"sip:{user}@{DOMAIN}", source=source,
        headers=headers,
    )  # fmt: skip


def guess(stage: Stage, user: str, password: str, hop: Hop = STRANGER, asker: Hop | None = None) -> list[int]:
    """The replies to a REGISTER with that password; ``asker`` has asked for the nonce, if somebody else."""
    request = register(stage, user, hop.host)
    challenge = stage.receive(request, asker or hop)
    if not challenge:
        return []
    again = stage.answered(request, challenge[0].message, password, user)
    return [sent.message.status for sent in stage.receive(again, hop)]


# -- scanners --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "agent", ["friendly-scanner", "SIPVicious 0.3", "sipcli/v1.8", "VaxSIPUserAgent/3.1"]
)
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_scanners_get_no_answer(stage: Stage, agent: str, method: str) -> None:
    uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:10@{DOMAIN}"
    request = stage.request(method, uri, source=STRANGER.host, headers=[("User-Agent", agent)])
    assert stage.receive(request, STRANGER) == []
    assert stage.metrics.messages_rejected["scanner"] == 1
    assert stage.receive(request.with_header("Via", request.get("Via") + "x"), PHONE) != []


@pytest.mark.parametrize("uri", [SERVER, f"sip:{DOMAIN}", f"sip:10@{DOMAIN}", f"sip:99@{DOMAIN}"])
@pytest.mark.parametrize("hop", [STRANGER, BY_TCP])
def test_options_of_strangers_are_not_answered(stage: Stage, uri: str, hop: Hop) -> None:
    request = stage.request("OPTIONS", uri, caller="sip:x@elsewhere.example", source=hop.host)
    assert stage.receive(request, hop) == []
    tagged = stage.request("OPTIONS", uri, caller="sip:x@elsewhere.example", to_tag="1", source=hop.host)
    assert stage.receive(tagged, hop) == []


def test_options_of_phones_peers_and_by_the_setting_are_answered(stage: Stage) -> None:
    request = stage.request("OPTIONS", SERVER, source="192.0.2.10")
    assert [sent.message.status for sent in stage.receive(request, PHONE)] == [200]
    answering = Stage(guarded=True, protection={"answer_options": True})
    request = answering.request("OPTIONS", SERVER, source=STRANGER.host)
    assert [sent.message.status for sent in answering.receive(request, STRANGER)] == [200]
    exempt = Stage(guarded=True, protection={"exempt": ("198.51.100.0/24",)})
    assert [sent.message.status for sent in exempt.receive(request, STRANGER)] == [200]


def test_a_peer_of_the_tables_is_no_stranger_for_as_long_as_he_stands_there(stage: Stage) -> None:
    request = stage.request("OPTIONS", SERVER, source=STRANGER.host)
    stage.peers(addresses=(Address(1, 1, "198.51.100.0", 24, 0),))
    assert [sent.message.status for sent in stage.receive(request, STRANGER)] == [200]
    stage.peers()
    again = stage.request("OPTIONS", SERVER, source=STRANGER.host)
    assert stage.receive(again, STRANGER) == []


# -- who is a user ---------------------------------------------------------------------------------------


def test_unknown_known_and_unregistered_users_look_alike_to_a_stranger() -> None:
    stage = Stage(guarded=True, protection={"failures": 1000})
    stage.add_user("10")
    stage.bind("10", "sip:10@192.0.2.10:5060")
    stage.add_user("11")  # registered nowhere

    def shape(message: Message) -> tuple[object, ...]:
        return message.status, message.reason, [name for name, _ in message.headers]

    for method in ("REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE"):
        replies = []
        for user in ("10", "11", "99"):
            uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:{user}@{DOMAIN}"
            request = stage.request(
                method, uri, caller=f"sip:{user}@{DOMAIN}", to=f"sip:{user}@{DOMAIN}", source=STRANGER.host
            )
            (challenge,) = stage.receive(request, STRANGER)
            wrong = stage.answered(request, challenge.message, "wrong", user)
            (again,) = stage.receive(wrong, STRANGER)
            replies.append((shape(challenge.message), shape(again.message)))
        assert replies[0] == replies[1] == replies[2], method


def test_a_stranger_from_elsewhere_cannot_tell_unknown_from_unregistered(stage: Stage) -> None:
    stage.add_user("11")
    found = []
    for user in ("11", "99"):
        request = stage.request(
            "INVITE", f"sip:{user}@{DOMAIN}", caller="sip:x@elsewhere.example", source=STRANGER.host
        )
        found.append([sent.message.status for sent in stage.receive(request, STRANGER)])
    assert found == [[480], [480]]


# -- guessers --------------------------------------------------------------------------------------------


def test_a_guesser_is_banned_and_the_phone_goes_on(stage: Stage) -> None:
    tries = sum(bool(guess(stage, "10", f"wrong{number}")) for number in range(50))
    assert tries <= 12
    assert [ban.source for ban in stage.banned] == [STRANGER.host]
    assert guess(stage, "10", "secret") == []  # found out too late
    assert guess(stage, "10", "secret", PHONE) == [200]


def test_a_guesser_by_forged_datagrams_bans_nobody(stage: Stage) -> None:
    """He has a nonce of his own address, and sends in the name of somebody else."""
    forger, victim = Hop("udp", "203.0.113.66", 5060), Hop("udp", "198.51.100.9", 5060)
    request = register(stage, "10", forger.host)
    (challenge,) = stage.receive(request, forger)
    for number in range(200):
        again = stage.answered(request, challenge.message, f"wrong{number}", "10")
        stage.receive(again, victim)
    assert stage.banned == []
    stage.now += 61
    assert guess(stage, "10", "secret", victim) == [200]


def test_nobody_locks_the_owner_out(stage: Stage) -> None:
    for number in range(300):
        source = Hop("udp", f"203.0.113.{number % 250}", 5060)
        guess(stage, "10", f"wrong{number}", source)
    assert guess(stage, "10", "secret", PHONE) == [200]
    assert guess(stage, "10", "secret", Hop("udp", "198.51.100.200", 5060)) == [200]


def test_many_sources_cannot_go_on_guessing_at_one_user(stage: Stage) -> None:
    for number in range(200):
        for word in ("a", "b", "c", "d"):
            guess(stage, "10", word, Hop("udp", f"203.0.113.{number}", 5060))
    looked_at = stage.metrics.auth_failures["bad_response"]
    assert looked_at <= 20 + 200 * 3
    assert stage.metrics.auth_failures["too_many"] >= 150
    # To whom it is refused, it is told nothing: it looks like a wrong password.
    assert guess(stage, "10", "secret", Hop("udp", "203.0.113.0", 5060)) == [401]


# -- amplification ---------------------------------------------------------------------------------------

NEEDED = {
    *("via", "from", "to", "call-id", "cseq", "content-length", "www-authenticate", "proxy-authenticate"),
    *("unsupported", "retry-after", "min-se"),
}


def cases(stage: Stage) -> dict[str, Message | bytes]:
    elsewhere = {"caller": "sip:x@elsewhere.example", "source": STRANGER.host}
    return {
        "challenge of a REGISTER": register(stage),
        "challenge of an INVITE": stage.request("INVITE", source=STRANGER.host),
        "unregistered": stage.request("INVITE", f"sip:99@{DOMAIN}", **elsewhere),
        "relaying": stage.request("INVITE", "sip:x@third.example", **elsewhere),
        "foreign registrar": stage.request("REGISTER", "sip:elsewhere.example", **elsewhere),
        "unknown domain": stage.request("REGISTER", f"sip:{PROXY}", to="sip:1@nowhere.example", **elsewhere),
        "hops": stage.request("INVITE", **elsewhere).with_header("Max-Forwards", "0"),
        "extension": stage.request("INVITE", **elsewhere, headers=[("Proxy-Require", "x")]),
        "route": stage.request("INVITE", **elsewhere, headers=[("Route", "<sip:203.0.113.9;lr>")]),
        "options": stage.request("OPTIONS", SERVER, **elsewhere),
        "unreadable": stage.request("INVITE", **elsewhere).with_header("CSeq", "x"),
    }


@pytest.mark.parametrize("name", list(cases(Stage(guarded=True))))
def test_a_forged_datagram_is_answered_by_one_and_with_nothing_that_may_be_left_out(name: str) -> None:
    stage = Stage(guarded=True, protection={"answer_options": True})
    request = cases(stage)[name]
    data = request if isinstance(request, bytes) else request.encode()
    (sent,) = stage.receive(request, STRANGER)
    size = len(sent.message.encode())
    if size > len(data) + 40:  # received and rport, which RFC 3581 wants
        extra = {key.lower() for key, _ in sent.message.headers} - NEEDED
        assert not extra, f"{size} bytes for {len(data)}: {extra}"
    assert size <= len(data) + 240


def test_how_many_are_answered_is_limited() -> None:
    stage = Stage(guarded=True)
    answered = sum(len(stage.receive(register(stage), STRANGER)) for _ in range(2000))
    assert answered == 300
