"""Whether the box watches itself, as the role ``monitoring`` has set it up.

Does Prometheus run, when has it asked last, and is there somebody who sends its alerts?
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from appliance.diagnosis.finding import Finding, span
from appliance.diagnosis.pages import fetch
from appliance.diagnosis.surroundings import Surroundings

DROP_IN = Path("etc/systemd/system/prometheus.service.d/sipbox.conf")
ALERTMANAGER = "127.0.0.1:9093"
_LISTENS = re.compile(r"--web\.listen-address=(\S+)")
#: Four times what Prometheus waits between two questions when nothing else is said.
_LATE = 60.0


class Seen(NamedTuple):
    """``address`` is Prometheus' ("": the box does not watch itself); ``trouble`` why it does not answer.
    ``asked`` seconds ago it has asked the agent last (None: it does not say), and ``refusal`` is what it got
    instead of numbers. ``alerts``: Alertmanager is there."""

    address: str
    trouble: str = ""
    asked: float | None = None
    refusal: str = ""
    alerts: bool = True


def judge(seen: Seen) -> Finding:
    if not seen.address:
        return Finding("off", "the box does not watch itself (sipbox_monitoring)")
    if seen.trouble:
        what = f"Prometheus does not answer at {seen.address}: {seen.trouble}"
        return Finding("wrong", what, "systemctl start prometheus; journalctl -u prometheus -n 20.")
    if seen.refusal:
        what = f"Prometheus gets no numbers of the agent: {seen.refusal}"
        return Finding("wrong", what, "systemctl restart sipbox-agent, or ansible-playbook site.yml.")
    if seen.asked is not None and seen.asked > _LATE:
        what = f"Prometheus has asked the agent last {span(seen.asked)} ago"
        return Finding("wrong", what, "systemctl restart prometheus; journalctl -u prometheus -n 20.")
    if not seen.alerts:
        what = "Prometheus watches, and there is no Alertmanager that would tell anybody"
        return Finding("wrong", what, "systemctl start prometheus-alertmanager.")
    asked = "" if seen.asked is None else f", which has asked {span(seen.asked)} ago"
    return Finding("ok", f"on: Prometheus at {seen.address}{asked}")


def look(around: Surroundings) -> Finding:
    """What Prometheus says of its target, where the role has installed it."""
    try:
        found = _LISTENS.search((around.root / DROP_IN).read_text())
    except OSError:
        found = None
    if found is None:
        return judge(Seen(""))
    address = found[1]
    try:
        status, body = fetch(address, "/api/v1/targets?state=active")
    except OSError as error:
        return judge(Seen(address, error.strerror or str(error)))
    if status == 401:  # it has a password, which is not ours to know
        return judge(Seen(address, alerts=_alerts()))
    if status != 200:
        return judge(Seen(address, f"status {status}"))
    return judge(_of_targets(Seen(address, alerts=_alerts()), json.loads(body), around.wall()))


def _of_targets(seen: Seen, told: dict[str, Any], now: float) -> Seen:
    """The first target of the job ``sipbox``: the agent of this box."""
    for target in told["data"]["activeTargets"]:
        if target["labels"].get("job") == "sipbox":
            if target["health"] == "down":
                return seen._replace(refusal=target["lastError"] or "it is down")
            # Go's time, with nine digits of a second.
            asked = datetime.fromisoformat(target["lastScrape"]).timestamp()
            return seen._replace(asked=max(0.0, now - asked))
    return seen._replace(refusal="it does not know the agent")


def _alerts() -> bool:
    try:
        return fetch(ALERTMANAGER, "/-/ready")[0] == 200
    except OSError:
        return False
