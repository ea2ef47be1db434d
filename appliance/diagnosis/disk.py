"""Room on the disks that registrations, calls' records, backups and logs are written to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from appliance.diagnosis.finding import Finding
from appliance.diagnosis.surroundings import Surroundings

_LEAST = 500 << 20  # an upgrade needs 300 MB, a night's log and a backup the rest
_SHARE, _SMALL = 0.05, 2 << 30
_LEAST_FILES = 1000


class Room(NamedTuple):
    """A place on a disk: bytes and files that may still be written there; ``all_files`` 0: not counted."""

    place: str
    free: int
    size: int
    free_files: int = 0
    all_files: int = 0


def judge(rooms: Iterable[Room]) -> Finding:
    """The fullest disk."""
    rooms = sorted(rooms, key=lambda room: room.free)
    for room in rooms:
        if room.free < _LEAST or (room.free < _SMALL and room.free < room.size * _SHARE):
            what = f"the disk of {room.place} has {_megabytes(room.free)} of {_megabytes(room.size)} left"
            break
        if room.all_files and room.free_files < _LEAST_FILES:
            what = f"the disk of {room.place} takes only {room.free_files} more files"
            break
    else:
        told = ", ".join(f"{_megabytes(room.free)} free for {room.place}" for room in rooms)
        return Finding("ok", told or "nothing to look at")
    find = f"du -xh --max-depth=3 {_mount(room.place)} | sort -h | tail -n 20"
    return Finding("wrong", what, f"Make room: journalctl --vacuum-size=100M; {find} shows what is large.")


def look(around: Surroundings) -> Finding:
    """The places of the settings, and those that the machine itself writes to."""
    settings = around.settings
    places = [settings.sip.state_dir, "/var/lib/mysql", "/var/log"]
    if settings.database.embedded:
        places[1] = str(Path(settings.database.url.removeprefix("sqlite:///")).parent)
    places.append(str(around.backups or "/var/backups/sipbox"))
    return judge(_rooms(places))


def _rooms(places: Iterable[str]) -> list[Room]:
    """One for each disk."""
    rooms: dict[int, Room] = {}
    for place in places:
        try:
            device = Path(place).stat().st_dev
            told = os.statvfs(place)
        except OSError:
            continue  # it is not there, or not ours to see
        room = Room(place, told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)
        rooms.setdefault(device, room._replace(free_files=told.f_favail, all_files=told.f_files))
    return list(rooms.values())


def _mount(place: str) -> str:
    path = Path(place)
    while not os.path.ismount(path) and path != path.parent:
        path = path.parent
    return str(path)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size >> 20} MB"
