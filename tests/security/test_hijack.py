"""Somebody else's registration, calls and name, and ourselves as a weapon.

The thief is 10, a user of ours with a password; 11 has a phone. Or he is nobody, at another address.

| attack | what happens |
|---|---|
| a REGISTER for 11 with 10's password, however To is written | 403, and 11's phone is where it was |
| two To, two From, or two addresses in one of them | 400 |
| From says 11 where To and the password are 10's | 10's phone is registered |
| ``Contact: *`` for 11, with a time, or beside others | 403, 400, 400 |
| 11's contact with ``expires=0`` in a REGISTER of 10 | 11's phone is where it was |
| a Contact that is another user's address, our own, or one's own user's | the call ends, nothing goes round |
| a Contact or Path at a third host | one copy of each call, and no more contacts than allowed |
| a Contact at this machine's loopback, at many hosts or at none | nothing leaves |
| the gateway's address in From, To, Via, Contact or P-Asserted-Identity, from elsewhere | a challenge |
| a P-Asserted-Identity or Remote-Party-ID of somebody who is not trusted | taken out |
"""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, PROXY, Sent, Stage
from tests.unit.proxy.telephone_network import FIRST, GATEWAY, stage_with_gateways

THIEF, VICTIM = Hop("udp", "192.0.2.10", 5060), "203.0.113.99"
PHONE = "sip:11@192.0.2.11"
ELEVEN = AddressOfRecord("11", DOMAIN)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    for user in ("10", "11"):
        stage.add_user(user)
    stage.bind("11", PHONE)
    return stage


def register(stage: Stage, to: str, *, contact: str = "<sip:10@192.0.2.10>", **changes: str) -> Message:
    """The answer to a REGISTER, through the challenge with the password of 10."""
    request = stage.request("REGISTER", f"sip:{DOMAIN}").with_header("To", to).with_header("Contact", contact)
    for name, value in changes.items():
        request = request.with_header(name, value)
    (answer,) = stage.receive(request, THIEF)
    if answer.message.status != 401:
        return answer.message
    (answer,) = stage.receive(stage.answered(request, answer.message), THIEF)
    return answer.message


def bound(stage: Stage, user: str) -> list[str]:
    return [each.contact for each in stage.core.locations.lookup(AddressOfRecord(user, DOMAIN), stage.now)]


@pytest.mark.parametrize(
    "to",
    [
        f"<sip:11@{DOMAIN}>",
        f"sip:11@{DOMAIN}",
        f"<sip:%31%31@{DOMAIN}>",
        f"<sip:11@{DOMAIN.upper()};user=phone>",
        f"<sip:11:10@{DOMAIN}>",
        f'"<sip:10@{DOMAIN}>" <sip:11@{DOMAIN}>',
        f"<sip:11@{DOMAIN}>;x=<sip:10@{DOMAIN}>",
        f"<sip:11@{DOMAIN}?To=%3Csip:10@{DOMAIN}%3E>",
        f"<sip:11@{PROXY}>",
        f"<sips:11@{DOMAIN}>",
        f"<sip:10%00@{DOMAIN}>",
        f"<sip:10%20@{DOMAIN}>",
    ],
)
@pytest.mark.parametrize("contact", ["<sip:10@192.0.2.10>", "*", f"<{PHONE}>;expires=0"])
def test_nobody_registers_another_user(stage: Stage, to: str, contact: str) -> None:
    changes = {"Expires": "0"} if contact == "*" else {}
    assert register(stage, to, contact=contact, **changes).status in (400, 403, 404)
    assert bound(stage, "11") == [PHONE]
    assert stage.bindings.commits == []


@pytest.mark.parametrize("name", ["To", "From", "t", "f"])
@pytest.mark.parametrize("first", [True, False])
def test_two_of_a_header_that_is_one(stage: Stage, name: str, first: bool) -> None:
    """Somebody would believe the first, somebody else the last."""
    request = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
    extra = ((name, f"<sip:11@{DOMAIN}>;tag=x" if name in "From" else f"<sip:11@{DOMAIN}>"),)
    headers = (*extra, *request.headers) if first else (*request.headers[:-1], *extra, request.headers[-1])
    (answer,) = stage.receive(Message(request.start_line, headers), THIEF)
    assert answer.message.status == 400


@pytest.mark.parametrize(
    "to", [f"<sip:10@{DOMAIN}>, <sip:11@{DOMAIN}>", f"<sip:11@{DOMAIN}> <sip:10@{DOMAIN}>"]
)
def test_two_addresses_in_one(stage: Stage, to: str) -> None:
    assert register(stage, to).status == 400


def test_from_is_not_who_is_registered(stage: Stage) -> None:
    assert register(stage, f"<sip:10@{DOMAIN}>", From=f"<sip:11@{DOMAIN}>;tag=1").status in (200, 403)
    assert bound(stage, "11") == [PHONE]


@pytest.mark.parametrize(
    ("contact", "expires"), [("*", "60"), ("*", ""), ("*, <sip:10@192.0.2.10>", "0"), ("<sip:a@h>, *", "0")]
)
def test_an_asterisk_stands_for_all_alone_and_at_once(stage: Stage, contact: str, expires: str) -> None:
    stage.bind("10", "sip:10@192.0.2.77")
    changes = {"Expires": expires} if expires else {}
    assert register(stage, f"<sip:10@{DOMAIN}>", contact=contact, **changes).status == 400
    assert bound(stage, "10") == ["sip:10@192.0.2.77"]


def test_another_ones_contact_is_not_taken_away_by_its_name(stage: Stage) -> None:
    assert register(stage, f"<sip:10@{DOMAIN}>", contact=f"<{PHONE}>;expires=0").status == 200
    assert bound(stage, "11") == [PHONE]


def call(stage: Stage, caller: str = "sip:bob@elsewhere.example", user: str = "10") -> list[Sent]:
    """A stranger calls; what is sent to ourselves comes back, as the network would bring it."""
    sent = stage.receive(
        stage.request("INVITE", f"sip:{user}@{DOMAIN}", caller=caller), Hop("udp", "192.0.2.70", 5060)
    )
    seen = list(sent)
    for _ in range(200):
        ours = [each for each in sent if each.hop.host == PROXY]
        sent = [more for each in ours for more in stage.receive(each.message, Hop("udp", PROXY, 5060))]
        seen += sent
        if not ours:
            return seen
    raise AssertionError("it goes round and round")


@pytest.mark.parametrize(
    "contact",
    [
        f"sip:11@{DOMAIN}",
        f"sip:10@{PROXY}",
        f"sip:{PROXY}",
        f"sip:10@{DOMAIN}",
        f"sip:nobody@{PROXY};transport=udp",
    ],
)
def test_a_contact_that_is_an_address_of_ours(stage: Stage, contact: str) -> None:
    stage.hosts[DOMAIN] = [PROXY]
    stage.bind("10", contact)
    seen = call(stage)
    invites = [each for each in seen if each.message.method == "INVITE" and each.message.is_request]
    assert len(invites) < 10


def test_two_users_who_are_each_others_phones(stage: Stage) -> None:
    stage.hosts[DOMAIN] = [PROXY]
    stage.add_user("12")
    stage.bind("10", f"sip:12@{DOMAIN}", f"sip:12@{DOMAIN};x=1")
    stage.bind("12", f"sip:10@{DOMAIN}", f"sip:10@{DOMAIN};x=1")
    seen = call(stage)
    assert len([each for each in seen if each.message.method == "INVITE" and each.message.is_request]) < 100


def test_no_more_copies_than_contacts_are_allowed_and_no_contact_without_a_password(stage: Stage) -> None:
    """A third host is sent what a phone would be: that a contact is his own address nobody can prove."""
    many = ", ".join(f"<sip:{number}@{VICTIM}>" for number in range(300))
    assert register(stage, f"<sip:10@{DOMAIN}>", contact=many).status == 503
    assert bound(stage, "10") == []
    few = ", ".join(f"<sip:{number}@{VICTIM}>" for number in range(stage.settings.registrar.max_contacts))
    assert register(stage, f"<sip:10@{DOMAIN}>", contact=few).status == 200
    copies = [each for each in call(stage) if each.hop.host == VICTIM and each.message.is_request]
    assert len(copies) <= stage.settings.registrar.max_contacts


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "127.000.000.001",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "loop.example",
        ),
        *("0.0.0.0", "[::]", "255.255.255.255", "224.0.1.75", "[ff02::1]", "[::ffff:224.0.1.75]"),
    ],
)
@pytest.mark.parametrize("way", ["contact", "path"])
def test_a_contact_on_this_machine_or_at_many_hosts(stage: Stage, host: str, way: str) -> None:
    """rtpengine, the agent and others listen on loopback, and believe whoever speaks to them there."""
    stage.listeners = (*stage.listeners, ("udp", "2001:db8::1", 5060))
    stage.restarted()
    stage.hosts |= {"localhost": ["127.0.0.1"], "loop.example": ["::1", "127.0.0.1"]}
    uri = f"sip:x@{host}:2223"
    if way == "contact":
        stage.bind("10", uri)
    else:
        stage.bind("10", "sip:10@192.0.2.77", path=f"<sip:{host}:2223;lr>")
    seen = call(stage)
    assert [each.hop for each in seen if each.message.is_request] == []
    assert max(each.message.status for each in seen) in (404, 480)


def test_where_the_server_itself_is_on_loopback_its_phones_are(stage: Stage) -> None:
    stage.listeners = (("udp", "127.0.0.1", 5060),)
    stage.restarted()
    stage.bind("10", "sip:10@127.0.0.1:5999")
    assert [each.hop.host for each in call(stage) if each.message.is_request] == ["127.0.0.1"]


CLAIMS = {
    "From": f"<sip:0301234@{FIRST}>;tag=1",
    "To": f"<sip:11@{FIRST}>",
    "Via": f"SIP/2.0/UDP {FIRST}:5060;branch=z9hG4bKx",
    "Contact": f"<sip:gateway@{FIRST}>",
    "P-Asserted-Identity": f"<sip:+49301234@{FIRST}>",
    "Remote-Party-ID": f"<sip:+49301234@{FIRST}>;party=calling;screen=yes",
    "Record-Route": f"<sip:{FIRST};lr>",
    "User-Agent": "gateway",
}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("number", [f"sip:0900123456@{DOMAIN}", f"sip:0900123456@{FIRST}"])
def test_who_says_that_he_is_the_gateway(transport: str, number: str) -> None:
    """All at once, and each of them alone: only the address that it comes from makes a gateway."""
    stage = stage_with_gateways()
    elsewhere = Hop(transport, "192.0.2.66", 5060)
    for names in (list(CLAIMS), *([name] for name in CLAIMS)):
        request = stage.request("INVITE", number, caller=f"sip:10@{DOMAIN}", source="192.0.2.66")
        for name in names:
            request = request.with_header(name, CLAIMS[name])
        sent = stage.receive(request, elsewhere)
        assert [each.message.status for each in sent if not each.message.is_request][-1:] in (
            [403],
            [404],
            [407],
            [480],
        )
        assert [each for each in sent if each.message.is_request] == []


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"])
def test_what_a_stranger_says_of_himself_is_not_passed_on(stage: Stage, name: str) -> None:
    claim = (name, "<sip:the-boss@example.org>")
    request = stage.request("INVITE", caller="sip:bob@elsewhere.example", headers=[claim])
    copies = [each.message for each in stage.receive(request, THIEF) if each.message.is_request]
    assert len(copies) == 1
    if name != "P-Preferred-Identity":  # a wish to a proxy that trusts him: nobody believes it
        assert not copies[0].has(name)


def test_the_gateway_itself_is_let_in() -> None:
    """Or the tests above would show nothing."""
    stage = stage_with_gateways()
    stage.bind("11", PHONE)
    request = stage.request("INVITE", f"sip:11@{DOMAIN}", caller=f"sip:0301234@{FIRST}", source=FIRST)
    assert [each.message.is_request for each in stage.receive(request, GATEWAY)][:1] == [True]
