"""Messages for somebody who is away."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to
from tests.unit.proxy.telephone_network import FIRST, GATEWAYS, ROUTES, to

PHONE = Hop("udp", "192.0.2.11", 5060)


def make_stage(**sections: dict[str, int]) -> Stage:
    stage = Stage(**sections)
    for user in ("10", "11"):
        stage.add_user(user)
    return stage


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status]


def say(stage: Stage, body: bytes, uri: str = f"sip:11@{DOMAIN}", **options: object) -> list[int]:
    headers = options.pop("headers", (("Content-Type", "text/plain"),))
    request = stage.request("MESSAGE", uri, body=body, headers=headers, **options)  # type: ignore[arg-type]
    return statuses(stage.let_in(request)[1])


def register(stage: Stage, contact: str = "sip:11@192.0.2.11", expires: int = 600) -> list[Sent]:
    """11 registers; what left for it."""
    address = f"sip:11@{DOMAIN}"
    request = stage.request(
        "REGISTER", f"sip:{DOMAIN}", caller=address, to=address, headers=(("Expires", str(expires)),)
    ).with_header("Contact", f"<{contact}>")
    return stage.let_in(request, PHONE, username="11")[1]


def messages(sent: list[Sent]) -> list[Message]:
    return [each for each in to(sent, PHONE.host) if each.method == "MESSAGE"]


def take(stage: Stage, message: Message, status: int = 200) -> list[Sent]:
    return stage.receive(response_to(message, status), PHONE)


def test_they_are_kept_and_come_in_order_with_the_next_registration(stage: Stage) -> None:
    assert [say(stage, text) for text in (b"one", b"two")] == [[202], [202]]
    sent = register(stage)
    (first,) = messages(sent)
    assert statuses(sent) == [200]
    assert first.body == b"one"
    assert first.uri == "sip:11@192.0.2.11"
    assert first.get("From").startswith(f"<sip:10@{DOMAIN}>;tag=")
    assert first.get("To") == f"<sip:11@{DOMAIN}>"
    assert (first.get("Content-Type"), first.get("Date")) == ("text/plain", "Fri, 15 Jan 2027 08:16:40 GMT")
    assert len(first.all("Via")) == 1
    (second,) = messages(take(stage, first))
    assert second.body == b"two"
    assert not take(stage, second)
    assert stage.offline.kept == []
    assert not messages(register(stage))
    counted = stage.metrics.offline_messages
    assert (counted["kept"], counted["delivered"], counted["failed"]) == (2, 2, 0)


def test_what_the_phone_does_not_take_comes_again(stage: Stage) -> None:
    say(stage, b"one")
    (first,) = messages(register(stage))
    assert not take(stage, first, 488)
    (again,) = messages(register(stage))
    assert again.body == b"one"
    assert not take(stage, again, 202)
    assert stage.offline.kept == []


def test_one_that_the_phone_does_not_take_holds_up_no_others(stage: Stage) -> None:
    for text in (b"one", b"two", b"three"):
        say(stage, text)
    (first,) = messages(register(stage))
    (second,) = messages(take(stage, first, 415))
    (third,) = messages(take(stage, second))
    assert (second.body, third.body) == (b"two", b"three")
    assert not take(stage, third)
    assert [message.body for _, message in stage.offline.kept] == [b"one"]
    assert messages(register(stage))


@pytest.mark.parametrize("source", ["11", "sip:x@y>\r\nX-Forged: 1"])
def test_a_row_that_is_no_message_holds_up_no_others(stage: Stage, source: str) -> None:
    for text in (b"one", b"two"):
        say(stage, text)
    (whose, message), second = stage.offline.kept
    stage.offline.kept = [(whose, message._replace(source=source)), second]
    for _ in range(2):
        (sent,) = messages(register(stage))
        assert sent.body == b"two"
        take(stage, sent, 500)


def test_what_nobody_answers_comes_again(stage: Stage) -> None:
    say(stage, b"one")
    assert messages(register(stage))
    stage.advance(40)
    assert messages(register(stage))


def test_a_registration_meanwhile_sends_nothing_twice(stage: Stage) -> None:
    say(stage, b"one")
    (first,) = messages(register(stage))
    assert not messages(register(stage))
    take(stage, first)
    assert stage.offline.kept == []


def test_one_who_registers_in_the_same_moment_elsewhere_gets_it_soon(stage: Stage) -> None:
    say(stage, b"one")
    stage.bind("11", "sip:11@192.0.2.11")
    (message,) = messages(stage.advance(2.2))
    assert message.body == b"one"
    assert not messages(register(stage))


def test_one_who_leaves_gets_nothing(stage: Stage) -> None:
    say(stage, b"one")
    assert not messages(register(stage, expires=0))
    assert messages(register(stage))


def test_only_so_many_wait_and_only_so_long() -> None:
    stage = make_stage(messages={"kept": 2, "kept_seconds": 60})
    assert [say(stage, b"x") for _ in range(3)] == [[202], [202], [480]]
    assert stage.metrics.offline_messages["refused"] == 1
    stage.now += 61
    assert not messages(register(stage))


def test_a_message_may_say_how_long_it_is_good(stage: Stage) -> None:
    assert say(stage, b"x", headers=(("Expires", "0"),)) == [480]
    assert say(stage, b"x", headers=(("Expires", "30"),)) == [202]
    ((_, message),) = stage.offline.kept
    assert message.expires - message.came == 30
    assert message.content_type == "text/plain"


def test_nobody_elses_are_kept(stage: Stage) -> None:
    assert say(stage, b"x", f"sip:nobody@{DOMAIN}") == [480]
    stranger = stage.request("MESSAGE", caller="sip:x@elsewhere.example", body=b"x")
    assert statuses(stage.receive(stranger)) == [480]
    assert say(stage, b"x", headers=(("Content-Type", "x" * 65),)) == [480]
    assert stage.offline.kept == []


def test_while_the_database_is_away_the_sender_is_told(stage: Stage) -> None:
    stage.offline.away = True
    assert say(stage, b"x") == [480]


def test_they_may_be_switched_off() -> None:
    assert say(make_stage(messages={"kept": 0}), b"x") == [480]


def test_a_call_is_no_message(stage: Stage) -> None:
    assert statuses(stage.let_in(stage.request("INVITE"))[1]) == [480]


def test_a_gateway_that_somebody_has_registered_gets_none(stage: Stage) -> None:
    say(stage, b"one")
    stage.peers(gateways=GATEWAYS, routes=ROUTES)
    assert not to(register(stage, f"sip:0900123@{FIRST}"), FIRST)
    assert len(stage.offline.kept) == 1
