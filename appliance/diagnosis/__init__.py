"""The diagnosis: a line for each part of the box, with what to do where something is wrong.

A check is a file with two functions: ``judge``, which says what to think of made-up facts as well as of real
ones, and ``look``, which gets them. To add one, write its file and add its line to ``CHECKS``. The order is
that of causes: what makes others fail comes first, so the first line that is wrong is the one to begin with.

It runs in the process of whoever asks, because it has to work when the server does not. Nothing here changes
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from appliance.diagnosis import (
    accounting,
    agent,
    backup,
    certificates,
    clock,
    cluster,
    database,
    disk,
    dns,
    domains,
    features,
    flood,
    gateways,
    installed,
    listeners,
    locations,
    media,
    members,
    monitoring,
    nat,
    queues,
    records,
    replication,
    server,
    settings_file,
)
from appliance.diagnosis.causes import WRONG, explained
from appliance.diagnosis.finding import AS_ROOT, Finding, Unknown
from appliance.diagnosis.surroundings import Surroundings
from appliance.errors import SipboxError

__all__ = ["CHECKS", "Finding", "Surroundings", "diagnose", "verdict"]

CHECKS: dict[str, Callable[[Surroundings], Finding]] = {
    "settings": settings_file.look,
    "installed": installed.look,
    "disk": disk.look,
    "clock": clock.look,
    "listeners": listeners.look,
    "server": server.look,
    "flood": flood.look,
    "queues": queues.look,
    "database": database.look,
    "members": members.look,
    "locations": locations.look,
    "accounting": accounting.look,
    "domains": domains.look,
    "dns": dns.look,
    "records": records.look,
    "certificates": certificates.look,
    "nat": nat.look,
    "media": media.look,
    "gateways": gateways.look,
    "trusted": features.look_at_trusted,
    "forwarding": features.look_at_forwarding,
    "messages": features.look_at_messages,
    "presence": features.look_at_presence,
    "enum": features.look_at_numbers,
    "prefixes": features.look_at_prefixes,
    "destinations": features.look_at_destinations,
    "protocol": features.look_at_protocol,
    "replication": replication.look,
    "cluster": cluster.look,
    "agent": agent.look,
    "phones": features.look_at_phones,
    "backup": backup.look,
    "monitoring": monitoring.look,
}


def diagnose(around: Surroundings, names: Collection[str] = ()) -> Iterator[tuple[str, Finding]]:
    """Each check by its name, in the order of ``CHECKS``; only ``names``, when there are some."""
    wrong: dict[str, str] = {}
    for name, look in CHECKS.items():
        if not names or name in names:
            finding = explained(name, _made(look, around), wrong)
            if finding.state in WRONG:
                wrong[name] = finding.because or name
            yield name, finding


def verdict(findings: Collection[Finding]) -> str:
    """``ok``, ``wrong`` (it works, and somebody should look) or ``down``."""
    states = {finding.state for finding in findings}
    return "down" if "down" in states else "wrong" if "wrong" in states else "ok"


def _made(look: Callable[[Surroundings], Finding], around: Surroundings) -> Finding:
    """What the check finds; what it cannot see must not hide what others see."""
    try:
        return look(around)
    except Unknown as error:
        return Finding("unknown", error.what, error.todo)
    except PermissionError as error:
        return Finding("unknown", f"{error.filename or 'something'} may not be read by this user", AS_ROOT)
    except (OSError, SipboxError) as error:
        return Finding("unknown", str(error))
