"""How the server is: one dictionary for ``sipbox status``, the status page and whoever watches.

Its ``state`` is ``ok``, ``degraded`` (calls go on, something is missing) or ``starting``; ``problems`` say
in a sentence each what is wrong and what to do.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from appliance import __version__
from appliance.config import hide_password
from appliance.operations.bans import Bans
from appliance.operations.box import Box
from appliance.operations.certificates import expiring
from appliance.operations.cluster import problems_of, urgent_of
from appliance.operations.process import SERVER


class Status:
    """``sipbox status``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def describe(self) -> dict[str, Any]:
        """Everything that fits on one screen. Times are seconds, ``started`` and ``now`` since the epoch."""
        box = self._box
        locations = box.service.locations
        transactions = box.transactions.active
        problems = self._problems()
        cluster = box.cluster()
        return {
            "server": SERVER,
            "version": __version__,
            "program": sys.prefix,
            "pid": os.getpid(),
            "started": box.started,
            "now": box.wall(),
            "uptime": round(max(box.wall() - box.started, 0)),
            "state": "starting" if locations.loading else "degraded" if problems else "ok",
            "problems": problems,
            "profile": box.settings.sip.profile,
            "domains": list(box.domains),
            "listeners": box.addresses,
            "database": {
                "available": box.database.available,
                "problem": None if box.database.available else box.database.last_error,
                "url": hide_password(box.settings.database.url),
                "location_mode": box.settings.registrar.location_mode,
                "loading": locations.loading,
                "spooled": box.spooled(),
            },
            "bindings": len(locations),
            "bindings_by_transport": {name: count for name, count in locations.by_transport.items() if count},
            "users": locations.users,
            "nated": box.nated()[0],
            "calls": box.calls_active(),
            "media": {"mode": box.settings.media.mode, "nodes": box.media_nodes()},
            "neighbours": box.neighbours(),
            "cluster": cluster and {**cluster, "problems": problems_of(cluster)},
            "flood": Bans(box).flood(),
            "last_bans": Bans(box).newest(),
            "transactions": transactions,
            "requests_received": box.metrics.requests_received.total(),
            "last_registrations": self._last_registrations(),
            "last_calls": box.recent.calls,
            "last_troubles": box.recent.troubles,
        }

    def _problems(self) -> list[dict[str, str]]:
        """What is wrong, and what to do about it."""
        box = self._box
        problems = []
        if not box.database.available:
            embedded = box.settings.database.embedded
            meanwhile = "registrations are refused" if embedded else "what changes is kept on disk"
            problems.append(
                {
                    "what": f"The database does not answer. Calls go on, and {meanwhile}.",
                    "todo": f"See that it runs and lets us in: {box.database.last_error or 'no answer'}.",
                }
            )
        away = [node for node, up in box.media_nodes().items() if not up]
        if away:
            problems.append(self._media_problem(away))
        silent = [name for name, alive in box.neighbours().items() if not alive]
        if silent:
            problems.append(
                {
                    "what": f"Nothing is heard of {', '.join(silent)}. Phones behind a NAT that registered"
                    " there cannot be called from here.",
                    "todo": "See that it runs and that its packets come: docs/replication.md, 'When something"
                    " is wrong'.",
                }
            )
        problems += urgent_of(box.cluster())
        nated, late = box.nated()
        if late > box.settings.nat.keepalive_seconds / 2:
            problems.append(
                {
                    "what": f"Keep-alives to {nated} phones behind a NAT are {late:.0f} s late:"
                    " their NATs may forget them, and then nobody can call them.",
                    "todo": "Raise nat.keepalives_per_second, or let more workers share the phones.",
                }
            )
        problems += [problem for each in box.certificates() if (problem := expiring(each, box.wall()))]
        if box.service.locations.loading:
            problems.append(
                {
                    "what": "The location table has not been read completely since the start.",
                    "todo": "Wait; when the database is away, start it.",
                }
            )
        if box.spooled() and box.database.available:
            problems.append(
                {
                    "what": f"{box.spooled()} changes are still on their way from disk to the database.",
                    "todo": "Wait; if it does not become less, look into the log.",
                }
            )
        return problems

    def _media_problem(self, away: list[str]) -> dict[str, str]:
        box = self._box
        if len(away) < len(box.media_nodes()):
            meanwhile = "The others take its calls"
        elif box.settings.media.when_away == "refuse":
            meanwhile = "Calls whose media has to be relayed are refused"
        else:
            meanwhile = "Calls go on, and their media is not relayed"
        return {
            "what": f"No answer from rtpengine at {', '.join(away)}. {meanwhile}.",
            "todo": "See that it runs: systemctl status rtpengine-daemon. [media] nodes says where it is.",
        }

    def _last_registrations(self) -> list[dict[str, Any]]:
        return [
            {
                "aor": str(binding.aor),
                "contact": binding.contact,
                "user_agent": binding.user_agent,
                "modified": binding.modified,
            }
            for binding in self._box.service.locations.newest()
        ]
