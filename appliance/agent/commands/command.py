"""What a command of the management interface is, and how its arguments are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from appliance.agent.mi import Argument, Tree, bad_parameter, wrong_count
from appliance.agent.sip_process import SipProcess

Arguments = tuple[Argument, ...]
NOTHING = "."  # stands for an argument that is left out


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``run`` asks the SIP process and gives the replies, usually one, none for `kill`.

    One that takes no input ignores its arguments, whatever they look like. One that ``replies_later`` opens
    the reply FIFO for each reply anew, when there is one. ``run`` may raise ``CommandRefused`` and
    ``ControlError``.
    """

    run: Callable[[SipProcess, Arguments], Iterable[Tree]]
    takes_input: bool = True
    replies_later: bool = False


def values(arguments: Arguments, *counts: int) -> Sequence[str]:
    """The arguments' values; refused when there are not as many as one of ``counts``."""
    if len(arguments) not in counts:
        raise wrong_count()
    return [argument.value for argument in arguments]


def number(text: str) -> int:
    """A number as OpenSER reads one: decimal digits, at most 32 bits; anything else is refused."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > 0xFFFFFFFF:
        raise bad_parameter()
    return int(text)
