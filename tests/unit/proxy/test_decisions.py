"""What the route has decided is told to those who watch, at each message."""

from __future__ import annotations

import pytest

from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.replies import RFC3261
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.telemetry.trace import Entry, Filter
from tests.unit.proxy.stage import DOMAIN, Stage, response_to


class Watched(Stage):
    """A stage, and the notes that a watcher has got."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.entries: list[Entry] = []
        self.tracer.subscribe(Filter(), self.entries.append)
        for user in ("10", "11"):
            self.add_user(user)

    def decisions(self) -> list[str]:
        """The words of the notes since the last time."""
        words = [entry.headline for entry in self.entries if entry.kind == "note"]
        self.entries.clear()
        return words


@pytest.fixture
def stage() -> Watched:
    return Watched()


def test_a_registration(stage: Watched) -> None:
    register = stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")
    request, _ = stage.let_in(register)
    assert stage.decisions() == ["Asked for a password", "Registered: added sip:10@192.0.2.10"]
    stage.receive(request)
    assert stage.decisions() == ["Comes again: it was answered, or is under way"]


def test_a_wrong_password_and_a_stolen_name(stage: Watched) -> None:
    stage.let_in(stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}"), password="wrong")
    assert stage.decisions()[1:] == ["Not verified (bad response)", "Asked for a password"]
    stage.let_in(stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:11@{DOMAIN}"), username="10")
    assert stage.decisions()[-1] == "To names somebody else than the password"


def test_a_call_that_two_phones_refuse(stage: Watched) -> None:
    stage.bind("11", "sip:11@192.0.2.11", "sip:11@192.0.2.12")
    _, sent = stage.let_in(stage.request("INVITE", f"sip:11@{DOMAIN}"))
    copies = [each for each in sent if each.message.method == "INVITE"]
    assert stage.decisions() == [
        "Asked for a password",
        "Goes to sip:11@192.0.2.12, sip:11@192.0.2.11",
    ]
    for copy in copies:
        stage.receive(response_to(copy.message, 486), copy.hop)
    assert stage.decisions() == [
        "486 from sip:11@192.0.2.12: the best of all answers counts",
        "486 from sip:11@192.0.2.11: the best of all answers counts",
    ]


def test_a_stranger_who_wants_to_be_relayed(stage: Watched) -> None:
    stage.receive(stage.request("INVITE", "sip:1@elsewhere.example", caller="sip:a@stranger.example"))
    assert stage.decisions() == ["Refused (acl)"]


class Unspoken(str):
    """A reason of which no words may be made."""

    __slots__ = ()

    def replace(self, *_: object) -> str:
        raise AssertionError("nobody watches")


def test_no_words_are_made_while_nobody_watches() -> None:
    stage = Stage()
    answers = Answers(
        stage.core.transactions, stage.send, stage.metrics, RFC3261, bytes(16), "", None, stage.tracer
    )
    request = parse(stage.request("INVITE").encode())
    assert isinstance(request, Request)
    incoming = Incoming(request, Hop("udp", "192.0.2.10", 5060), stage.now, answers, lambda: stage.now)
    assert not incoming.watched
    incoming.refuse(RFC3261.relaying, Unspoken("acl"))
    assert stage.metrics.messages_rejected["acl"] == 1
    stage.tracer.subscribe(Filter(), lambda _: None)
    assert incoming.watched
