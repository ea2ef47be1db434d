"""What becomes of the questions to rtpengine: counted, and told to the journal when a node goes or comes."""

from __future__ import annotations

from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics


class MediaWatch:
    """Told by ``media``, which knows neither metrics nor the journal."""

    def __init__(self, metrics: Metrics, journal: Journal) -> None:
        self._metrics = metrics
        self._journal = journal

    def asked(self, command: str, result: str, seconds: float) -> None:
        self._metrics.media_commands[command, result] += 1
        self._metrics.media_command_seconds.observe(seconds)

    def changed(self, node: str, up: bool, reason: str) -> None:
        if up:
            self._journal.event("media-back", f"rtpengine at {node} answers again")
        else:
            self._journal.event("media-lost", f"rtpengine at {node} is away: {reason}", reason=reason)
