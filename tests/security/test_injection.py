"""What strangers and phones write into their messages, and where it turns up: nobody can add a line, a field
or a header to anything that people and programs read, nor speak to the terminal that it is read on.

| attack | what happens |
|---|---|
| escape sequences of terminals, bells, NUL, C1 controls, marks that turn the writing | shown as escapes |
| a line end within a header | 400, and the rest is no header |
| a line end written as %0d%0a within a URI | stays as it is written, or is shown as an escape |
| markup in what the status page shows | shown as text |
"""

from __future__ import annotations

import sys
import unicodedata
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.message import Message
from tests.harness.phone import Phone
from tests.harness.process import Process
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

CLIENT = Path(__file__).parents[1] / "wire" / "openser_fifo_client.sh"
#: Colours, another title of the window, bell, backspace, a cleared screen, NUL, DEL, a C1 control, a line
#: separator, right-to-left, a byte that is no UTF-8.
POISON = "\x1b[31m\x1b]0;owned\x07\x08\x1b[2J\x00\x7f\x9b31m\u2028\u202e\udcff"
MARKUP = "<script>alert(1)</script>"
LINE = "%0d%0aX-Injected:%20yes"


def dangers(text: str) -> set[str]:
    """What stands there and could act: control characters and invisible ones, but for line ends and tabs."""
    return {
        repr(character)
        for character in text
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\t"
    }


@pytest.fixture(scope="module")
def box() -> Iterator[Sipbox]:
    with Sipbox(agent=True, trace=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11", LINE)})
        yield server


@pytest.fixture(scope="module")
def told(box: Sipbox) -> Iterator[dict[str, str]]:
    """All that can be read of a server that has met such phones, by where it is read."""
    command = [sys.executable, "-m", "appliance", "--config", box.config, "trace"]
    log = box.directory / "watching.out"
    watching = Process(command, log=log, environment=box.environment, directory=box.program)
    try:
        with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:
            wait_until("the trace runs", lambda: _traced(ten, watching))
            poison(ten, eleven)
            yield everything(box, watching)
    finally:
        watching.close()


def _traced(phone: Phone, watching: Process) -> bool:
    phone.ask(phone.request("OPTIONS", f"sip:{phone.domain}"))
    return "OPTIONS" in watching.log


def poison(ten: Phone, eleven: Phone) -> None:
    """They register, call and fail, with poison wherever it can be put."""
    headers = [("User-Agent", POISON + MARKUP), ("Subject", POISON)]
    contact = f'"{POISON}" <sip:{LINE}@127.0.0.1:{eleven.port};x={LINE}>'
    assert eleven.register(contact=contact, headers=headers, call_id=f"id{POISON}@h").status == 200
    assert ten.register(contact=f"<{ten.contact}>", headers=headers).status == 200
    from_ = f'"{POISON}{MARKUP}" <{ten.aor}>;tag=1'
    # A call that is refused with poison, one to nobody, one that its caller gives up.
    invite = ten.request("INVITE", eleven.aor, from_=from_, headers=headers, call_id=f"call{POISON}@h")
    ten.send(invite)
    challenge = ten.final(invite)
    ten.send(ten.ack(invite, challenge))
    invite = ten.authorized(invite, challenge)
    ten.send(invite)
    eleven.reply(eleven.expect("INVITE"), 486, f"Busy {POISON}", headers=headers)
    refused = ten.final(invite)
    ten.send(ten.ack(invite, refused))
    nobody = ten.request("INVITE", f"sip:{LINE}@{ten.domain}", from_=from_, headers=headers)
    assert ten.ask(nobody).status in (404, 480)
    # Passwords that are wrong, for names that are none.
    for user in (POISON.removesuffix("\udcff"), LINE, MARKUP):
        request = ten.request("REGISTER", f"sip:{ten.domain}", to=f"<{ten.aor}>")
        ten.send(request)
        answer = ten.final(request)
        assert answer.status == 401
        wrong = ten.authorized(request, answer, username=user, password="wrong")
        ten.send(wrong)
        assert ten.final(wrong).status in (400, 401, 403)
    # What is none at all: the log tells why.
    for data in (
        f"OPTIONS sip:{POISON} SIP/2.0\r\n\r\n",
        f"{POISON} sip:x SIP/2.0\r\nVia: {POISON}\r\n\r\n",
        f"SIP/2.0 200 {POISON}\r\nVia: SIP/2.0/UDP 127.0.0.1;branch={POISON}\r\nCSeq: 1 {POISON}\r\n\r\n",
        f"METHOD{LINE} sip:{ten.domain} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n",
    ):
        ten.send(data.encode("utf-8", "surrogateescape"))


def everything(box: Sipbox, watching: Process) -> dict[str, str]:
    fifo = box.settings["agent"]

    def ask(command: str, *arguments: str) -> str:
        words = [str(CLIENT), fifo["fifo"], fifo["reply_dir"], command, *arguments]
        process = Process(words, log=box.directory / f"fifo-{command}.out")
        wait_until(f"{command} has been answered", lambda: not process.running)
        return process.log

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{box.agent_port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    texts = {
        "registration list": box.cli("registration", "list").stdout,
        "registration show": box.cli("registration", "show", "11").stdout,
        "calls list": box.cli("calls", "list").stdout,
        "calls list --csv": box.cli("calls", "list", "--csv").stdout.replace("\r\n", "\n"),
        "status": box.cli("status").stdout,
        "statistics": box.cli("statistics", check=False).stdout,
        "diagnose": box.cli("diagnose", check=False).stdout,
        "fifo ul_dump": ask("ul_dump"),
        "fifo ul_show_contact": ask("ul_show_contact", "location", f"11@{box.domain}"),
        "fifo get_statistics": ask("get_statistics", "all"),
        "page": page("/"),
        "page status": page("/status"),
        "page metrics": page("/metrics"),
        "trace": watching.log,
    }
    # The agent's own log and the server's, where the trace is as well.
    return texts | {"server's log": box.log, "agent's log": (box.directory / "agent.log").read_text()}


@pytest.mark.parametrize(
    "place",
    [
        *("registration list", "registration show", "calls list", "calls list --csv", "status", "statistics"),
        *("diagnose", "fifo ul_dump", "fifo ul_show_contact", "fifo get_statistics", "page", "page status"),
        *("page metrics", "trace", "server's log", "agent's log"),
    ],
)
def test_nothing_acts_and_no_line_is_added(told: dict[str, str], place: str) -> None:
    assert told[place] or place in ("statistics", "agent's log")
    assert dangers(told[place]) == set()
    assert "\nX-Injected" not in told[place].replace("\r", "\n")


def test_the_poison_did_get_there(told: dict[str, str]) -> None:
    """Or the tests above would show nothing."""
    for place in ("registration show", "fifo ul_dump", "trace", "server's log", "page"):
        assert "owned" in told[place], place


def test_the_page_shows_markup_as_text(told: dict[str, str]) -> None:
    assert MARKUP not in told["page"]
    assert "&lt;script&gt;" in told["page"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "User-Agent", "Subject"])
def test_a_line_end_in_a_header_adds_no_header(box: Sipbox, name: str, end: str) -> None:
    """``a`` CR ``X-Injected: yes``: some see one header there, some two; nobody after us shall have to guess.
    A line feed ends a line for everybody, so there it is a header of its own, which is the sender's right."""
    with box.phone("10") as ten:
        request = ten.request("OPTIONS", f"sip:{box.domain}", headers=[("Subject", "a"), ("User-Agent", "b")])
        value = request.get(name)
        ten.send(request.with_header(name, f"{value}{end}X-Injected: yes"))
        answer = ten.receive(lambda message: message.status >= 200, "answer")
        assert answer.status == (400 if end == "\r" else 200)
        assert not answer.has("X-Injected")
        assert b"\r" not in ten.history[-1].data.replace(b"\r\n", b"")


def test_what_is_refused_by_name_adds_no_header_to_the_refusal(box: Sipbox) -> None:
    """Proxy-Require is said again in Unsupported: a fold in it is one blank there."""
    with box.phone("10") as ten:
        request = ten.request(
            "OPTIONS", f"sip:{box.domain}", headers=[("Proxy-Require", "a,\r\n X-Injected: yes")]
        )
        answer: Message = ten.ask(request)
        assert answer.status == 420
        assert answer.get("Unsupported") == "a, X-Injected: yes"
        assert not answer.has("X-Injected")
