"""The trace on the terminal of the process that is traced: ``serve --trace`` (OpenSER's ``log_stderror``).

A terminal may be stopped (Ctrl-S) or slow; the server must not be. So entries go into a mailbox, and a
greenlet of its own writes them in a thread of gevent's pool; when it falls behind, the trace says how many
messages it left out.
"""

from __future__ import annotations

import os
from typing import TextIO

import gevent
from gevent.event import Event

from appliance.telemetry.trace import Filter, Mailbox, Tracer
from appliance.telemetry.trace_format import format_entry


class TraceConsole:
    """Shows everything that ``tracer`` sees on ``stream``, in colour on a terminal, until ``stop``."""

    def __init__(self, tracer: Tracer, stream: TextIO, wanted: Filter | None = None) -> None:
        self._something = Event()
        self._stream = stream
        self._colour = wants_colour(stream)
        self._mailbox = Mailbox(wake=self._something.set)
        self._subscription = tracer.subscribe(wanted or Filter(), self._mailbox.put)
        self._writing = gevent.spawn(self._write)

    def stop(self) -> None:
        """Show what has come, and no more."""
        self._subscription.close()
        self._writing.kill()
        self._show()

    def _write(self) -> None:
        pool = gevent.get_hub().threadpool
        while True:
            self._something.wait()
            self._something.clear()
            pool.apply(self._show)

    def _show(self) -> None:
        text = "".join(format_entry(entry, self._colour) for entry in self._mailbox.take())
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the terminal is gone; the calls go on


def wants_colour(stream: TextIO) -> bool:
    """Colours on a terminal, unless NO_COLOR is set; with FORCE_COLOR (OpenSER's force_color) everywhere."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()
