"""The answer to a REGISTER (RFC 3261 §10.3 step 8, §20.10, §20.17, RFC 3327 §5.3), as a value.

In the profile ``openser12`` it looks as in 2007: no Date, and refusals say why in P-Registrar-Error. Must not
know how the answer came about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import NamedTuple

from appliance.errors import StorageError
from appliance.registrar.binding import Binding
from appliance.registrar.changes import Kind
from appliance.registrar.gruu import Gruus
from appliance.sip.grammar import quote
from appliance.sip.message import Request


class Outcome(NamedTuple):
    """The answer: status, reason phrase, header lines, and what has changed, for the journal.

    ``error`` is what kept the change from being durable, when the status is 503 for that.
    """

    status: int
    reason: str
    headers: Sequence[str] = ()
    changes: Sequence[tuple[Kind, Binding]] = ()
    error: StorageError | None = None


class Answers:
    """Makes the outcomes of one profile. ``wall`` gives the time of day, in seconds since 1970."""

    def __init__(self, wall: Callable[[], float], *, as_openser: bool, gruus: Gruus | None = None) -> None:
        self._gruus = gruus
        self._wall = wall
        self._as_openser = as_openser
        self._date = (-1, "")

    def ok(
        self,
        request: Request,
        bindings: Sequence[Binding],
        now: float,
        changes: Sequence[tuple[Kind, Binding]] = (),
    ) -> Outcome:
        """200 with everything that is bound, best first."""
        if len(bindings) == 1:
            headers = [_contact_line(bindings[0], now)]
        else:
            headers = [_contact_line(binding, now) for binding in bindings]
        gruus = self._gruus
        if gruus is not None and any(o.lower() == "gruu" for o in request.items("supported")):
            headers = [
                line + gruus.parameters(binding) for line, binding in zip(headers, bindings, strict=True)
            ]
        if request.has("path") and any(o.lower() == "path" for o in request.items("supported")):
            headers += [f"Path: {value}" for value in request.all("path")]
        if not self._as_openser:
            headers.append(self._date_line())
        return Outcome(200, "OK", headers, changes)

    def refused(self, status: int, reason: str, *headers: str) -> Outcome:
        """An error, with header lines that help the phone to do better."""
        if self._as_openser:
            headers = (f"P-Registrar-Error: {reason}", *headers)
        return Outcome(status, reason, headers)

    def _date_line(self) -> str:
        """Phones without a clock of their own set theirs by it."""
        second = int(self._wall())
        if second != self._date[0]:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}")
        return self._date[1]


def _contact_line(binding: Binding, now: float) -> str:
    text = f"Contact: <{binding.contact}>"
    if binding.q is not None:
        text += f";q={binding.q:g}"
    if binding.instance is not None:
        text += f";+sip.instance={quote(binding.instance)}"
        if binding.reg_id is not None:
            text += f";reg-id={binding.reg_id}"
    return f"{text};expires={binding.expires_in(now)}"
