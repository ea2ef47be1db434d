"""What follows from what: a part that is wrong because an earlier one is says so.

Whoever mends something is to begin with the cause, and whoever is woken is to be told of the cause alone. A
part that was explained wrongly does no harm: it is a cause of its own as soon as the other one is mended.
Must not know how anything is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.diagnosis.finding import Finding

WRONG = ("wrong", "down")

#: By the part, what may explain it; all of these are looked at before it.
EXPLAINED_BY: Mapping[str, tuple[str, ...]] = {
    "installed": ("settings",),
    "server": ("settings", "disk", "listeners"),
    "queues": ("flood",),
    "database": ("disk",),
    "locations": ("database", "disk"),
    "accounting": ("database", "disk"),
    "certificates": ("clock",),
    "nat": ("flood", "queues"),
    "replication": ("clock",),
    "cluster": ("clock", "replication"),
    "phones": ("agent",),
    "backup": ("disk", "database"),
    "monitoring": ("agent", "disk"),
}


def explained(name: str, finding: Finding, before: Mapping[str, str]) -> Finding:
    """The finding with its cause, when there is one.

    ``before`` are the parts that were found wrong, each with the cause of it, or itself.
    """
    if finding.state not in WRONG:
        return finding
    for cause in EXPLAINED_BY.get(name, ()):
        if cause in before:
            return finding._replace(because=before[cause])
    return finding
