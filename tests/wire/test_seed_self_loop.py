"""The tutorial of 2007, chapters 4.2.2 to 6: requests pass once through the proxy itself, so that its own
replies can be watched arriving.

What is looked at is the printout: ``serve --trace`` (the document's terminal) and ``sipbox trace``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.harness.document import CYAN, GREEN, RED, BudgeTone, DocumentBox, Printed, printed
from tests.harness.mariadb import MariaDB
from tests.harness.message import Message
from tests.harness.phone import SDP, hang_up
from tests.harness.process import Process
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.mariadb

Watch = Callable[[Callable[[list[Printed]], bool]], list[Printed]]


@pytest.fixture(scope="module")
def looping(mariadb: MariaDB) -> Iterator[DocumentBox]:
    settings = {"sip": {"self_loop": ["REGISTER", "INVITE"]}}
    with DocumentBox(mariadb, settings=settings, trace=True) as box:
        yield box


@pytest.fixture
def document(looping: DocumentBox) -> Iterator[DocumentBox]:
    yield looping
    looping.forget_phones()


@pytest.fixture
def watch(document: DocumentBox) -> Watch:
    """Waits until the terminal has shown what is wanted since the test began, and returns all of it."""
    start = len(document.log)

    def shown(wanted: Callable[[list[Printed]], bool]) -> list[Printed]:
        return wait_until(
            "the trace shows it", lambda: (now := list(printed(document.log[start:]))) and wanted(now) and now
        )

    return shown


def second_arrivals(entries: list[Printed], box: DocumentBox) -> list[Printed]:
    """What came to the proxy from the proxy, and its notes: what the document's printouts show."""
    return [entry for entry in entries if not entry.way or entry.came_from(box.port)]


def came_back(reply: int | str, times: int = 1, to: str = "") -> Callable[[list[Printed]], bool]:
    """Whether a reply (to that method) was sent to a phone: the last of what a transaction shows."""
    return lambda entries: (
        sum(e.headline.startswith(f"{reply} (") and e.headline.endswith(to) for e in entries) >= times
    )


def test_a_registration(document: DocumentBox, watch: Watch) -> None:
    with document.budge_tone("10") as ten:
        (first, challenged), (second, accepted) = ten.exchange(ten.registration())
        # The answer to the question whether the server is ready (OPTIONS) may be shown as late as now.
        entries = second_arrivals(watch(came_back(200, 3, "REGISTER")), document)
        assert [entry.headline for entry in entries] == [
            "REGISTER",
            "100 (Trying to Register) concerning REGISTER",
            "401 (Unauthorized) concerning REGISTER",
            "REGISTER",
            "100 (Trying to Register) concerning REGISTER",
            "200 (OK) concerning REGISTER",
        ]
        looped = [entry.message for entry in entries]
        for request, arrivals in ((first, looped[:3]), (second, looped[3:])):
            # Two Vias, the same stack in the request and in every reply; the lower one is the phone's.
            stacks = [message.all("Via") for message in arrivals]
            assert stacks[0] == stacks[1] == stacks[2] and len(stacks[0]) == 2
            assert stacks[0][0].startswith(f"SIP/2.0/UDP 127.0.0.1:{document.port};branch=z9hG4bK")
            assert stacks[0][1] == request.all("Via")[0]
            assert arrivals[0].get("P-hint") == "Self-Looped"
            assert arrivals[0].get("User-Agent") == "Grandstream BT110 1.0.8.33"
            # 70 left the phone, the proxy counted one down, and shows the request on its second arrival.
            assert arrivals[0].get("Max-Forwards") == "69"
        assert looped[0].branches[0] != looped[3].branches[0], "another transaction, another branch"
        assert {message.call_id for message in looped} == {first.call_id}
        assert not looped[0].has("Authorization") and looped[3].has("Authorization")

        # The phone gets the very replies, with the proxy's Via taken off on the way.
        assert looped[2].without("Via").headers == challenged.without("Via").headers
        assert looped[5].without("Via").headers == accepted.without("Via").headers
        assert challenged.all("Via") == first.all("Via") and accepted.all("Via") == second.all("Via")


def test_colours(document: DocumentBox, watch: Watch) -> None:
    """Requests on green, replies on cyan, and what was decided in red."""
    with document.budge_tone("10") as ten:
        ten.exchange(ten.registration())
        ten.exchange(ten.request("INVITE", "sip:11@127.0.0.1", body=SDP))
        entries = watch(came_back(404, 3))
    notes = [entry for entry in entries if not entry.way]
    assert [(note.headline, note.colours) for note in notes] == [("User is not found", {RED})]
    for entry in entries:
        if entry.way:
            request = not entry.text.startswith("SIP/2.0")
            assert entry.colours == {GREEN if request else CYAN}, entry
            words = "" if request else " concerning "
            assert words in entry.headline and entry.message.method in entry.headline
    # In the order of the document: the call arrives, nobody is found, and that is what it is told.
    told = [entry.headline for entry in second_arrivals(entries, document)]
    decided = told.index("User is not found")
    assert told[decided - 1] == "INVITE"
    assert "404 (User Not Found) concerning INVITE" in told[decided:]


def test_a_call(document: DocumentBox, watch: Watch) -> None:
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        for phone in (ten, eleven):
            assert phone.exchange(phone.registration())[-1][1].status == 200
        request = ten.request("INVITE", "sip:11@127.0.0.1", body=SDP)
        ten.send(request)
        challenged = ten.final(request)
        ten.send(ten.ack(request, challenged))
        authorized = ten.authorized(request, challenged)
        ten.send(authorized)
        incoming = eleven.expect("INVITE")
        eleven.reply(incoming, 100, "Trying")
        eleven.reply(incoming, 180, "Ringing")
        ten.expect(180)
        answer = eleven.reply(incoming, 200, "OK", body=SDP)
        ok = ten.final(authorized)
        ten.send(ten.within(ten.dialog_as_caller(authorized, ok), "ACK"))
        arrived = eleven.expect("ACK")
        hang_up(eleven, ten, eleven.dialog_as_callee(incoming, answer))
        entries = watch(lambda shown: sum("concerning BYE" in entry.headline for entry in shown) >= 2)

    calls = [entry for entry in entries if entry.way and entry.message.call_id == request.call_id]
    arrivals = [
        entry
        for entry in calls
        if any(entry.came_from(port) for port in (document.port, eleven.port))
        or (entry.headline == "ACK" and entry.came_from(ten.port))
    ]
    told = [(entry.headline, len(entry.message.all("Via"))) for entry in arrivals]
    looped_call(told)
    assert_branches(arrivals, request, authorized)

    # What the callee got: three Vias, two of them the proxy's; one recorded route; no password.
    assert len(incoming.all("Via")) == 3 and len(set(incoming.branches)) == 3
    assert incoming.all("Via")[2] == authorized.all("Via")[0]
    assert len(incoming.all("Record-Route")) == 1
    assert not incoming.has("Proxy-Authorization")
    assert incoming.get("Max-Forwards") == "68"
    # ACK and BYE pass once: their path is that of the Record-Route, not that of the INVITE.
    assert len(arrived.all("Via")) == 2


def looped_call(told: list[tuple[str, int]]) -> None:
    """The order of chapter 5: each reply of the callee arrives twice, those of the proxy once."""
    assert told[:2] == [("INVITE", 2), ("407 (Proxy Authentication Required) concerning INVITE", 2)]
    rest = [entry for entry in told[2:] if entry[0] != "ACK"]
    # Our own 100 comes from us and the callee's from the callee: either may be the first to arrive.
    rest.remove(("100 (Giving a try) concerning INVITE", 2))
    assert rest == [
        ("INVITE", 2),
        ("100 (Trying) concerning INVITE", 3),
        ("180 (Ringing) concerning INVITE", 3),
        ("180 (Ringing) concerning INVITE", 2),
        ("200 (OK) concerning INVITE", 3),
        ("200 (OK) concerning INVITE", 2),
        ("BYE", 1),
    ]


def assert_branches(arrivals: list[Printed], request: Message, authorized: Message) -> None:
    """One stack for each transaction; the callee's replies have one Via more on top of it."""
    first, second = (
        [entry.message for entry in arrivals if entry.message.branches[-1] == message.branches[0]]
        for message in (request, authorized)
    )
    looped = [message for message in first if message.method == "INVITE"]
    assert len({tuple(message.branches) for message in looped}) == 1
    stacks = {tuple(message.branches) for message in second}
    two = next(stack for stack in stacks if len(stack) == 2)
    three = next(stack for stack in stacks if len(stack) == 3)
    assert stacks == {two, three} and three[1:] == two
    assert two[0] != looped[0].branches[0]


def test_a_wrong_password(document: DocumentBox, watch: Watch) -> None:
    """Chapter 5.1, with the proxy's own three 407 arriving at the proxy."""
    with document.budge_tone("11", "not abc11") as eleven:
        attempts = eleven.exchange(eleven.request("INVITE", "sip:10@127.0.0.1", body=SDP))
        entries = second_arrivals(watch(came_back(407, 9)), document)
    asked = [entry for entry in entries if entry.headline != "ACK"]
    assert [entry.headline for entry in asked] == [
        "INVITE",
        "407 (Proxy Authentication Required) concerning INVITE",
    ] * 3
    challenges = [entry.message.get("Proxy-Authenticate") for entry in asked[1::2]]
    assert len(set(challenges)) == 1
    assert challenges[0] == attempts[0][1].get("Proxy-Authenticate")
    assert {entry.message.call_id for entry in entries} == {attempts[0][0].call_id}


@contextmanager
def sipbox_trace(box: DocumentBox, *options: str) -> Iterator[Process]:
    """``sipbox trace`` in another terminal; it shows something when this begins."""
    process = Process(
        [sys.executable, "-m", "appliance", "--config", box.config, "trace", "--colour", *options],
        log=box.directory / "trace.log",
        environment=box.environment,
        directory=box.program,
    )
    try:
        with box.budge_tone("10") as ten:

            def asked() -> bool:
                ten.ask(ten.request("OPTIONS", f"sip:127.0.0.1:{box.port}"))
                return "OPTIONS" in process.log

            wait_until("sipbox trace shows something", asked, every=0.2)
        yield process
    finally:
        process.close()
        process.log_path.unlink()


def test_the_trace_of_a_running_server_is_the_same(document: DocumentBox, watch: Watch) -> None:
    with sipbox_trace(document) as other, document.budge_tone("10") as ten:
        ten.exchange(ten.registration())
        ten.exchange(ten.request("INVITE", "sip:11@127.0.0.1", body=SDP))
        here = [entry for entry in watch(came_back(404, 3)) if "OPTIONS" not in entry.headline]

        def shown() -> list[Printed]:
            return [entry for entry in printed(other.log) if "OPTIONS" not in entry.headline]

        wait_until("the other terminal has all of it", lambda: len(shown()) >= len(here))
        assert shown()[: len(here)] == here


def test_the_trace_of_one_method(document: DocumentBox) -> None:
    with sipbox_trace(document, "--method", "OPTIONS") as other, document.budge_tone("10") as ten:
        ten.exchange(ten.registration())
        ten.ask(ten.request("OPTIONS", "sip:127.0.0.1"))
        before = other.log.count("200 (OK) concerning OPTIONS")
        wait_until("the OPTIONS is shown", lambda: other.log.count("200 (OK) concerning OPTIONS") >= before)
        assert "REGISTER (" not in other.log
        assert {entry.message.method for entry in printed(other.log)} == {"OPTIONS"}


def test_without_the_loop_each_message_is_shown_once(document: DocumentBox, watch: Watch) -> None:
    """A method that is not in self_loop goes straight through."""
    with document.budge_tone("10") as ten:
        assert isinstance(ten, BudgeTone)
        request = ten.request("OPTIONS", f"sip:127.0.0.1:{document.port}")
        ten.ask(request)
        entries = watch(came_back(200))
    own = [entry for entry in entries if entry.way and entry.message.call_id == request.call_id]
    assert [entry.headline for entry in own] == ["OPTIONS", "200 (OK) concerning OPTIONS"]
