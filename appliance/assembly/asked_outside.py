"""Who outside of the box is asked in the middle of a call: rtpengine for its sound, the DNS for a number."""

from __future__ import annotations

from appliance.config import Settings
from appliance.media.rtpengine import Rtpengine
from appliance.telemetry.journal import Journal
from appliance.telemetry.media_watch import MediaWatch
from appliance.telemetry.metrics import Metrics
from appliance.transport.name_servers import NameServers


def media_nodes(settings: Settings, metrics: Metrics, journal: Journal) -> Rtpengine | None:
    """The nodes of rtpengine, where media is relayed."""
    media = settings.media
    if media.mode == "never":
        return None
    watch = MediaWatch(metrics, journal)
    return Rtpengine(media.addresses, media.timeout_ms / 1000, media.ping_seconds, watch)


def number_lookup(settings: Settings, metrics: Metrics) -> NameServers | None:
    """Who looks numbers up in the DNS, where there is a suffix to look for them."""
    enum = settings.enum

    def looked_up(result: str) -> None:
        metrics.enum_lookups[result] += 1

    return NameServers(enum.addresses, enum.seconds, looked_up) if enum.suffix else None
