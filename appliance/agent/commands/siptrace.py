"""The command of the module siptrace: sip_trace.

OpenSER's writes messages into a table; here they are shown where ``serve --trace`` shows them, in the journal
of the server. ``sipbox trace`` needs no switch.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.agent.commands.command import Arguments, Command, values
from appliance.agent.mi import Node, Tree, bad_parameter
from appliance.agent.sip_process import SipProcess

_WORDS = {"on": True, "off": False}


def _sip_trace(process: SipProcess, arguments: Arguments) -> Iterable[Tree]:
    """Without an argument: whether it is on."""
    given = values(arguments, 0, 1)
    if not given:
        yield Tree((Node("on" if process.ask("trace_shown") else "off"),))
    elif given[0] in _WORDS:
        process.ask("trace_show", on=_WORDS[given[0]])
        yield Tree()
    else:
        raise bad_parameter()


COMMANDS = {"sip_trace": Command(_sip_trace)}
