"""An IANA time zone as phones want it: the offset of standard time, and two rules for daylight saving.

The rules are those that hold from now on: the last line of the system's zone file is a POSIX TZ string
(RFC 9636 §3.3), which every vendor's own form can be written from. Times at which the clock changes are local
ones, as POSIX and the phones have them.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from appliance.errors import PhoneRefused

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+\-]+>)"
_OFFSET = r"[+-]?\d{1,3}(?::\d{2}(?::\d{2})?)?"
_RULE = rf"M(\d+)\.(\d)\.(\d)(?:/({_OFFSET}))?"
_POSIX = re.compile(rf"{_NAME}({_OFFSET})(?:{_NAME}({_OFFSET})?,{_RULE},{_RULE})?")


class Change(NamedTuple):
    """A day of the year: ``week`` 1 to 5 (5: the last), ``weekday`` 0 to 6 (0: Sunday), and its minute."""

    month: int
    week: int
    weekday: int
    minute: int

    @property
    def from_monday(self) -> int:
        """The weekday from 1 (Monday) to 7 (Sunday)."""
        return self.weekday or 7

    @property
    def clock(self) -> str:
        """The time of the day: ``02:00``."""
        return f"{self.minute // 60:02d}:{self.minute % 60:02d}"


class Daylight(NamedTuple):
    """From ``start`` to ``end`` the clock is ``minutes`` ahead of standard time."""

    start: Change
    end: Change
    minutes: int


class TimeZone(NamedTuple):
    """Minutes east of Greenwich in standard time, and when daylight saving is (None: never)."""

    offset: int
    daylight: Daylight | None

    @property
    def hours(self) -> str:
        """The offset with its sign: ``+1``, ``-3:30``."""
        hours, minutes = divmod(abs(self.offset), 60)
        return f"{'-' if self.offset < 0 else '+'}{hours}" + (f":{minutes:02d}" if minutes else "")

    @property
    def clock(self) -> str:
        """The offset as a time: ``+01:00``."""
        return f"{'-' if self.offset < 0 else '+'}{abs(self.offset) // 60:02d}:{abs(self.offset) % 60:02d}"

    @property
    def posix(self) -> str:
        """A TZ string whose names are the plain letters that every parser takes."""
        text = f"STD{_posix_offset(self.offset)}"
        if self.daylight is None:
            return text
        start, end, minutes = self.daylight
        return f"{text}DST{_posix_offset(self.offset + minutes)},{_posix_rule(start)},{_posix_rule(end)}"


@lru_cache(maxsize=600)
def find_zone(name: str) -> TimeZone:
    """The zone with this IANA name; PhoneRefused when there is none on this machine."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise PhoneRefused(f"time_zone: {name!r} is no time zone such as Europe/Berlin") from None
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return parse_posix(
                path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")
            )
    raise PhoneRefused("time_zone: this machine has no time zones; install the package tzdata")


def parse_posix(text: str) -> TimeZone:
    """``CET-1CEST,M3.5.0,M10.5.0/3`` -> its zone; PhoneRefused when it cannot be read."""
    found = _POSIX.fullmatch(text)
    if found is None:
        raise PhoneRefused(f"time_zone: the rule {text!r} is one that no phone knows")
    standard = -_minutes(found[1])
    if found[3] is None:
        return TimeZone(standard, None)
    daylight = -_minutes(found[2]) if found[2] else standard + 60
    start, end = _change(found, 3), _change(found, 7)
    if daylight < standard:
        # Ireland's law knows a winter time instead of a summer time; no phone does.
        standard, daylight, start, end = daylight, standard, end, start
    return TimeZone(standard, Daylight(start, end, daylight - standard))


def _change(found: re.Match[str], first: int) -> Change:
    month, week, weekday, at = found[first], found[first + 1], found[first + 2], found[first + 3]
    minute = _minutes(at) if at else 120
    # RFC 9636 lets a change be before its day or after it; phones count within a day. Hours off on one night
    # are better than the neighbouring weekday, which is a week off in some years.
    return Change(int(month), int(week), int(weekday), min(max(minute, 0), 1439))


def _minutes(text: str) -> int:
    hours, _, rest = text.lstrip("+-").partition(":")
    minutes = int(hours) * 60 + int(rest[:2] or 0)
    return -minutes if text.startswith("-") else minutes


def _posix_offset(offset: int) -> str:
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset > 0 else ""
    return f"{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def _posix_rule(change: Change) -> str:
    hours, minutes = divmod(change.minute, 60)
    at = f"/{hours}" + (f":{minutes:02d}" if minutes else "") if change.minute != 120 else ""
    return f"M{change.month}.{change.week}.{change.weekday}{at}"
