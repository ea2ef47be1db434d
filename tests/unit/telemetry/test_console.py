from __future__ import annotations

import io

import gevent
import pytest

from appliance.sip.hop import Hop
from appliance.telemetry.console import TraceConsole, wants_colour
from appliance.telemetry.trace import Filter, Tracer

PHONE = Hop("udp", "192.0.2.10", 5060)
OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_traced_is_shown() -> None:
    tracer, stream = Tracer(), io.StringIO()
    console = TraceConsole(tracer, stream, Filter(method="OPTIONS"))
    tracer.message("received", OPTIONS, PHONE)
    while not stream.getvalue():
        gevent.sleep(0)
    tracer.message("received", OPTIONS.replace(b"OPTIONS", b"INVITE"), PHONE)
    tracer.message("sent", OPTIONS, PHONE)
    console.stop()
    assert stream.getvalue().count(") OPTIONS\n") == 2
    assert "INVITE" not in stream.getvalue()
    assert tracer.active is False


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    tracer, stream = Tracer(), io.StringIO()
    console = TraceConsole(tracer, stream)
    stream.close()
    tracer.message("received", OPTIONS, PHONE)
    console.stop()


def test_colours_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())
