"""Watching: the traced messages, streamed to one reader until it goes away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gevent.event import Event

from appliance.operations.box import Box
from appliance.telemetry.trace import Filter, Mailbox


class Trace:
    """Lets an administrator see what passes; a slow reader misses some, and is told how many."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def watch(self, user: str | None = None, method: str | None = None) -> Iterator[dict[str, Any]]:
        """Entries of the trace as they come, those of a user or a method only when one is given."""
        something = Event()
        mailbox = Mailbox(wake=something.set)
        subscription = self._box.tracer.subscribe(Filter(user, method), mailbox.put)
        try:
            while True:
                something.wait()
                something.clear()
                for entry in mailbox.take():
                    yield entry._asdict()
        finally:
            subscription.close()
