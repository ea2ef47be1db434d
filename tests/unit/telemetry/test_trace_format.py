from __future__ import annotations

import re

import pytest

from appliance.telemetry.trace import Entry
from appliance.telemetry.trace_format import format_entry, harmless

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def entry(**changes: object) -> Entry:
    usual = Entry(
        time=0.25,
        kind="received",
        headline="REGISTER",
        text="REGISTER sip:example.org SIP/2.0\r\nContent-Length: 0\r\n\r\n",
        method="REGISTER",
        users=[],
        peer="udp:192.0.2.10:5060",
        local="udp:192.0.2.1:5060",
        colour="green",
        worker=0,
        pid=26142,
    )
    return usual._replace(**changes)  # type: ignore[arg-type]


def test_a_request_looks_as_in_the_tutorial() -> None:
    way, headline, *rest = format_entry(entry(), colour=False).split("\n")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.250 received udp:192.0.2.10:5060 -> udp:192.0.2.1:5060", way)
    assert headline == "0(26142) REGISTER"
    assert rest == ["REGISTER sip:example.org SIP/2.0", "Content-Length: 0", "", ""]


def test_requests_on_green_replies_on_cyan() -> None:
    assert "\x1b[30;42mContent-Length: 0\x1b[39;49m\n" in format_entry(entry())
    assert "\x1b[30;46mContent-Length: 0\x1b[39;49m\n" in format_entry(entry(colour="cyan"))


def test_the_headline_has_no_colour() -> None:
    headline = "401 (Unauthorized) concerning REGISTER"
    assert f"\n0(26142) {headline}\n" in format_entry(entry(headline=headline, colour="cyan"))


def test_a_note_in_red() -> None:
    shown = format_entry(entry(kind="note", headline="User is not found", text="", colour="red"))
    assert shown == "0(26142) \x1b[31mUser is not found\x1b[39;49m\n\n"


def test_what_was_sent_went_the_other_way() -> None:
    assert " sent udp:192.0.2.1:5060 -> udp:192.0.2.10:5060\n" in format_entry(
        entry(kind="sent"), colour=False
    )
    assert " sent us -> udp:192.0.2.10:5060\n" in format_entry(entry(kind="sent", local=""), colour=False)


def test_without_colour_there_is_no_escape() -> None:
    for each in (entry(), entry(kind="note", colour="red"), entry(colour="cyan")):
        assert "\x1b" in format_entry(each)
        assert "\x1b" not in format_entry(each, colour=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext ü 漢", "plain\ttext ü 漢"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\rb\nc\x00", "a\\x0db\\x0ac\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\U000e0001", "\\U000e0001"),
        (b"\xff\x9b".decode("utf-8", "surrogateescape"), "\\xff\\x9b"),
    ],
)
def test_nothing_acts_on_the_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_stranger_can_neither_colour_nor_forge_lines() -> None:
    evil = entry(
        headline="X\n0(1) User is not found",
        text="OPTIONS sip:a SIP/2.0\r\nUser-Agent: \x1b[2J\x1b]52;c;eA==\x07\rEvil\r\n\r\n",
        peer="udp:\x1b[1m",
    )
    shown = format_entry(evil, colour=False)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\r" not in shown
    assert len(shown.split("\n")) == 6
    assert set(ESCAPE.findall(format_entry(evil))) == {"\x1b[2m", "\x1b[22m", "\x1b[30;42m", "\x1b[39;49m"}
