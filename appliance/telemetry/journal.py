"""What happened, a structured line each: to systemd's journal, or as logfmt to standard error.

``event("binding-added", "10@example.org …", sip_aor=…, sip_call_id=…)`` becomes a journal entry with the
fields EVENT, SIP_AOR, SIP_CALL_ID … and the event's MESSAGE_ID, so that ``journalctl SIP_CALL_ID=…`` works;
what other code says through ``logging`` goes the same way. Values come from strangers: control characters are
shown as escapes, so that nobody can add a line or a field. Failures that come again and again are summed up
(``repeats``). Never raises and never waits for a reader. Must not know sockets or gevent.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from time import localtime, monotonic, strftime, time
from typing import Any, ClassVar, TextIO

from appliance.telemetry.events import EVENTS
from appliance.telemetry.logging_bridge import LoggingBridge
from appliance.telemetry.recent import TROUBLES, Recent
from appliance.telemetry.repeats import Repeats, Sum
from appliance.telemetry.trace_format import harmless

LEVELS = {"debug": 10, "info": 20, "notice": 25, "warning": 30, "error": 40, "critical": 50}
_PRIORITIES = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_VALUE_LENGTH = 4096
_TROUBLE = LEVELS["warning"]

Write = Callable[[str, str, dict[str, str]], None]


class Journal:
    """Where events go: ``write(level, message, fields)``, and from which level on. ``recent`` remembers the
    last troubles, whatever the level is; ``clock`` is monotonic seconds."""

    current: ClassVar[Journal | None] = None

    def __init__(self, write: Write, level: str = "info", clock: Callable[[], float] = monotonic) -> None:
        self._write = write
        self._clock = clock
        self._repeats = Repeats()
        self.threshold = LEVELS[level]
        self.recent = Recent()

    def event(self, name: str, message: str, trace: str | None = None, **fields: Any) -> None:
        """Tell an event of the catalogue: ``message`` for people, ``fields`` by journal names in lower case;
        ``trace`` is a traceback, of several lines. Fields that are None are left out.
        """
        known = EVENTS[name]
        number = LEVELS[known.level]
        if number >= _TROUBLE or name in TROUBLES:
            self.recent.trouble(_value(message))
        if number < self.threshold:
            return
        if known.summed and self._repeats.again(name, known.level, message, fields, self._clock()):
            return
        self._tell(known.level, message, {"EVENT": name, "MESSAGE_ID": known.message_id}, fields, trace)

    def enabled(self, name: str) -> bool:
        """Whether the event would be told: ask before a message is costly to make."""
        return LEVELS[EVENTS[name].level] >= self.threshold

    def say(self, level: str, message: str, trace: str | None = None, **fields: Any) -> None:
        """Tell something that is no event of the catalogue; ``trace`` is a traceback, of several lines."""
        number = LEVELS[level]
        if number >= _TROUBLE:
            self.recent.trouble(_value(message))
        if number < self.threshold:
            return
        if number >= _TROUBLE:
            kind = str(fields.get("logger", level))
            if self._repeats.again(kind, level, message, fields, self._clock()):
                return
        self._tell(level, message, {}, fields, trace)

    def tick(self) -> None:
        """Tell how often failures came again whose minute is over; to be called each few seconds."""
        for each in self._repeats.over(self._clock()):
            self._tell_sum(each)

    def settle(self) -> None:
        """Tell all that is counted: the process ends."""
        for each in self._repeats.rest(self._clock()):
            self._tell_sum(each)

    def _tell_sum(self, told: Sum) -> None:
        event = EVENTS.get(told.kind)
        named = {} if event is None else {"EVENT": told.kind, "MESSAGE_ID": event.message_id}
        words = told.words
        if words is None:
            words = _others(told) if event is None else event.meaning.rstrip(".")
        span = "minute" if 55 <= told.seconds < 65 else f"{told.seconds:.0f} s"
        message = f"{words}: and {told.times} more of these in the last {span}"
        self._tell(told.level, message, named, {**told.fields, "repeated": told.times}, None)

    def _tell(
        self, level: str, message: str, named: dict[str, str], fields: dict[str, Any], trace: str | None
    ) -> None:
        told = named | {key.upper(): _value(value) for key, value in fields.items() if value is not None}
        if trace:
            told["TRACEBACK"] = "\n".join(harmless(line) for line in trace.splitlines())
        self._write(level, _value(message), told)


def open_journal(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> Journal:
    """The journal of this process and the end of ``logging``; ``form``: ``auto``, ``journal``, ``text``."""
    stream = stream or sys.stderr
    if form == "journal" or (form == "auto" and journal_listens()):
        write = _to_systemd()
    else:
        write = _to_stream(stream)
    journal = Journal(write, level)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LoggingBridge):
            root.removeHandler(handler)
    root.addHandler(LoggingBridge(journal.say, LEVELS))
    root.setLevel(journal.threshold)
    Journal.current = journal
    return journal


def event(name: str, message: str, **fields: Any) -> None:
    """``Journal.event`` of the journal that this process opened; before, warnings go to standard error."""
    journal = Journal.current = Journal.current or Journal(_to_stream(sys.stderr), "warning")
    journal.event(name, message, **fields)


def journal_listens(descriptor: int = 2) -> bool:
    """Whether standard error is systemd's journal: systemd says which inode it is (``JOURNAL_STREAM``)."""
    try:
        device, inode = (int(part) for part in os.environ.get("JOURNAL_STREAM", "").split(":"))
        status = os.fstat(descriptor)
    except (ValueError, OSError):
        return False
    return (status.st_dev, status.st_ino) == (device, inode)


def _to_systemd() -> Write:
    from cysystemd.journal import send

    def write(level: str, message: str, fields: dict[str, str]) -> None:
        try:
            send(message=message, priority=_PRIORITIES[level], syslog_identifier="sipbox", **fields)
        except OSError:
            pass  # the journal is being restarted; a call must not fail for that

    return write


def _to_stream(stream: TextIO) -> Write:
    second, clock, zone = 0, "", ""

    def write(level: str, message: str, fields: dict[str, str]) -> None:
        nonlocal second, clock, zone
        now = time()
        if int(now) != second:  # making the words of a time costs more than all the rest of a line
            second = int(now)
            clock, zone = strftime("%Y-%m-%dT%H:%M:%S %z", localtime(now)).split()
        pairs = {"time": f"{clock}.{int(now % 1 * 1000):03d}{zone}", "level": level, "msg": message}
        pairs |= {
            key.lower(): value for key, value in fields.items() if key not in ("MESSAGE_ID", "TRACEBACK")
        }
        lines = [" ".join(f"{key}={_quoted(value)}" for key, value in pairs.items())]
        lines += [f"    | {line}" for line in fields.get("TRACEBACK", "").splitlines()]
        try:
            stream.write("\n".join(lines) + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads any more; a call must not fail for that

    return write


def _others(told: Sum) -> str:
    whose = "" if told.kind == told.level else f" of {told.kind}"
    return f"other messages{whose} ({told.level})"


def _value(value: Any) -> str:
    """One line of printable characters."""
    text = value if isinstance(value, str) else str(value)
    return harmless(text[:_VALUE_LENGTH]).replace("\t", "\\x09")


def _quoted(value: str) -> str:
    if value and not any(character in value for character in ' "=\\'):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
