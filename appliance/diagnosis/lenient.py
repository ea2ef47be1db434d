"""Settings as far as they hold: a file with a wrong line must not leave the diagnosis blind.

Lines that are refused are left out one after the other, until the rest is in order. A section that lost a
line is remembered: what depends on it is not judged. Must not know who asks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from appliance.config import Settings, load, parse
from appliance.errors import SettingsError

_MOST = 100
_SECTION = re.compile(r"\s*\[+\s*\"?(\w+)")
EVERY_SECTION = frozenset(field.name for field in structs.fields(Settings))


class Reading(NamedTuple):
    """What came of reading ``path``.

    ``problem`` is the first thing that is wrong with it; ``forbidden``: this user may not read it.
    ``unreadable`` are the sections that ``settings`` does not have as the file means them.
    """

    path: str
    settings: Settings
    problem: SettingsError | None = None
    forbidden: bool = False
    unreadable: frozenset[str] = frozenset()


def read(path: str) -> Reading:
    """The settings in the file ``path``, as far as they can be had; never fails."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except PermissionError:
        return Reading(path, Settings(), forbidden=True, unreadable=EVERY_SECTION)
    except (OSError, UnicodeDecodeError):
        return Reading(path, Settings(), problem=_refusal(path), unreadable=EVERY_SECTION)
    lines = text.splitlines()
    problem: SettingsError | None = None
    lost: set[str] = set()
    for _ in range(_MOST):
        try:
            return Reading(path, parse("\n".join(lines), path), problem, unreadable=frozenset(lost))
        except SettingsError as error:
            problem = problem or error
            number = min(error.line or 0, len(lines))
            if not number or not lines[number - 1].strip():
                break
            lost.add(_section_of(lines, number))
            lines[number - 1] = ""
    return Reading(path, Settings(), problem, unreadable=EVERY_SECTION)


def _refusal(path: str) -> SettingsError | None:
    try:
        load(path)
    except SettingsError as error:
        return error
    return None


def _section_of(lines: list[str], number: int) -> str:
    """The section that the line with this number stands in."""
    for line in reversed(lines[:number]):
        found = _SECTION.match(line)
        if found:
            return found[1]
    return ""
