"""The command of the module siptrace."""

from __future__ import annotations

from tests.unit.agent.commands.answering import Answering, run


def test_the_trace_is_switched() -> None:
    process = Answering(trace_show=None, trace_shown=True)
    assert run(process, "sip_trace", "on") == "200 OK\n\n"
    assert run(process, "sip_trace", "off") == "200 OK\n\n"
    assert process.asked == [("trace_show", {"on": True}), ("trace_show", {"on": False})]
    assert run(process, "sip_trace") == "200 OK\non\n\n"
    assert run(process, "sip_trace", "yes") == "400 Bad parameter\n\n"
