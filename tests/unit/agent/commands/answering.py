"""A SIP process that answers from a table, and what a command makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance.agent.commands import COMMANDS
from appliance.agent.mi import Argument, CommandRefused
from appliance.agent.sip_process import SipProcess

PROCESS = {
    "server": "sipbox (0.1.0 (x86_64/linux))",
    "now": 1_700_000_061.9,
    "started": 1_700_000_000.2,
    "directory": "/srv",
    "arguments": ["sipbox", "serve"],
}


class Answering(SipProcess):
    """Gives prepared answers and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("/nowhere")
        self.answers = {"process": PROCESS, **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, command: str, /, **args: Any) -> Any:
        self.asked.append((command, args))
        return self.answers[command]

    def ask_storage(self, command: str, /, **args: Any) -> Any:
        return self.ask(command, **args)

    def stream(self, command: str, /, **args: Any) -> Iterator[Any]:
        return iter(self.ask(command, **args))


def run(process: Answering, command: str, *values: str) -> str:
    """The text of the answers, or of the refusal."""
    try:
        trees = COMMANDS[command].run(process, tuple(Argument(value) for value in values))
        return "".join(tree.text for tree in trees)
    except CommandRefused as refused:
        return refused.tree.text
