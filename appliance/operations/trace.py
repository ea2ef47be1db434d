"""Watching: the traced messages, streamed to one reader until it goes away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gevent.event import Event

from appliance.operations.box import Box
from appliance.telemetry.journal import event
from appliance.telemetry.trace import Filter, Mailbox


class Trace:
    """Lets an administrator see what passes; a slow reader misses some, and is told how many."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def show(self, on: bool) -> None:
        """Shows every message in the server's own log, until the next start."""
        if on != self._box.trace_shown():
            self._box.show_trace(on)
            event("command", f"every message is {'shown' if on else 'shown no more'}, by an administrator")

    def shown(self) -> bool:
        """Whether it does."""
        return self._box.trace_shown()

    def watch(
        self, user: str | None = None, method: str | None = None, call_id: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Entries of the trace as they come, those of a user, a method or a call only when one is given."""
        something = Event()
        mailbox = Mailbox(wake=something.set)
        subscription = self._box.tracer.subscribe(Filter(user, method, call_id), mailbox.put)
        try:
            while True:
                something.wait()
                something.clear()
                for entry in mailbox.take():
                    yield entry._asdict()
        finally:
            subscription.close()
