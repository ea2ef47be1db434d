"""Backups in a directory: their names, which are times, and which of them have had their day.

A name is the moment of the backup in UTC, ``2026-11-29T033000Z.tar``, so that a list of names is a list in
the order of time, and what has another name is somebody else's and never touched. Must not know what is in a
backup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from appliance.errors import StorageError

_FORM = "%Y-%m-%dT%H%M%SZ.tar"
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z\.tar")


class BackupFile(NamedTuple):
    """A backup's file, and the moment that its name says (UTC)."""

    file: Path
    made: datetime


def prepare(directory: Path) -> None:
    """Make ``directory`` for its owner alone, if need be. StorageError when others may read it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = directory.stat().st_mode & 0o777
    except OSError as error:
        raise StorageError(f"{directory} cannot be used for backups: {error.strerror}") from error
    if mode & 0o077:
        raise StorageError(
            f"{directory} may be entered by others (mode {mode:04o}), and backups hold credentials:"
            f" 'chmod 700 {directory}'"
        )


def new_name(directory: Path, now: datetime) -> Path:
    """A name in ``directory`` for a backup that is made ``now``; a second that is taken gives its next."""
    while True:
        file = directory / now.astimezone(UTC).strftime(_FORM)
        if not file.exists():
            return file
        now += timedelta(seconds=1)


def every(directory: Path) -> list[BackupFile]:
    """The backups in ``directory``, the newest first; none when there is no such directory."""
    try:
        files = list(directory.iterdir())
    except FileNotFoundError:
        return []
    found = [
        BackupFile(file, datetime.strptime(file.name, _FORM).replace(tzinfo=UTC))
        for file in files
        if _NAME.fullmatch(file.name) and file.is_file()
    ]
    return sorted(found, key=lambda each: each.made, reverse=True)


def surplus(files: Iterable[BackupFile], *, daily: int, weekly: int) -> list[BackupFile]:
    """Those that may go when the last of each of ``daily`` days and of ``weekly`` weeks stay.

    Days and weeks (ISO 8601, in UTC) without a backup do not count: a box that was off for a month keeps what
    it had. The newest of all always stays.
    """
    newest_first = sorted(files, key=lambda each: each.made, reverse=True)
    kept = set(newest_first[:1])
    kept |= _last_of_each(newest_first, lambda each: each.made.date(), daily)
    kept |= _last_of_each(newest_first, lambda each: each.made.isocalendar()[:2], weekly)
    return [each for each in newest_first if each not in kept]


def _last_of_each(
    newest_first: list[BackupFile], span: Callable[[BackupFile], object], count: int
) -> set[BackupFile]:
    last: dict[object, BackupFile] = {}
    for each in newest_first:
        last.setdefault(span(each), each)
    return set(list(last.values())[:count])
