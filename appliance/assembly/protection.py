"""The door in front of everything, and the list of bans that all processes of the box share.

Must not know who is banned, and why: ``appliance.protection`` decides it.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic, time

from appliance.config import Settings
from appliance.protection.bans import Ban
from appliance.protection.making import make_door
from appliance.storage.ban_list import BanList
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.transport.machine_names import MachineNames


class Protection:
    """Who keeps floods and guessers out: the ``door`` that everybody is asked for."""

    def __init__(self, settings: Settings, metrics: Metrics, journal: Journal) -> None:
        self._metrics = metrics
        self._journal = journal
        self._hard_times = False
        hosts = [
            *(host for host, _ in MachineNames().servers),
            *(host for _, host, _ in settings.sip.listeners),
        ]
        self.door = door = make_door(settings, hosts, monotonic, metrics.strangers_dropped, self._banned)
        place = Path(settings.sip.state_dir) / "bans.json"
        self._list = BanList(place, door.bans, monotonic, time, journal.say)
        self._list.tick()
        metrics.source("bans_active", lambda: len(door.bans))

    def tick(self) -> None:
        """Each second: bans that are over go, others' bans are known, and hard times are told."""
        self.door.tick()
        self._list.tick()
        hard = self.door.is_hard(monotonic())
        if hard != self._hard_times:
            self._hard_times = hard
            if hard:
                self._journal.event(
                    "hard-times", "strangers send more than may be: they are limited together"
                )

    def _banned(self, ban: Ban) -> None:
        self._metrics.bans[ban.reason] += 1
        self._journal.event(
            "source-banned",
            f"{ban.source} banned for {ban.until - ban.since:.0f} s: {ban.reason}",
            sip_peer=ban.source,
            reason=ban.reason,
            duration_ms=round((ban.until - ban.since) * 1000),
        )
