"""What the firewall drops of strangers, asked when Prometheus asks: the server never sees it."""

from __future__ import annotations

from appliance.supervision import program
from appliance.telemetry.catalogue import FIREWALL_DROPPED
from appliance.telemetry.kernel_drops import COMMAND, RULES, counted
from appliance.telemetry.metrics import Snapshot

_SECONDS = 3.0


def dropped() -> Snapshot:
    """The metric; empty where there is no such firewall, or it may not be asked."""
    try:
        done = program.run(COMMAND, _SECONDS)
    except OSError:
        return {}
    found = counted(done.printed)
    return {FIREWALL_DROPPED.name: [([rule], found.get(rule, 0)) for rule in RULES]} if found else {}
