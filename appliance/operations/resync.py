"""Telling a user's phones to fetch their configuration again: a NOTIFY ``check-sync`` to each contact.

Out of any dialog, which no RFC foresees and all phones do: without reboot where the phone's maker has a word
for that (Snom), else as the phone likes. Which phone it is, its registration says.
"""

from __future__ import annotations

import re
from typing import Any

import gevent

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.operations.uac import UserAgent
from appliance.operations.uac_request import compose, uri_in
from appliance.proxy.target import Target

_SNOM_CORDLESS = re.compile(r"snom[ -]?m\d", re.IGNORECASE)


class Resync:
    """``sipbox phone resync USER``."""

    def __init__(self, box: Box, agent: UserAgent) -> None:
        self._box = box
        self._agent = agent

    def resync(self, aor: str) -> list[dict[str, Any]]:
        """``contact``, ``event``, ``status``, ``reason``, ``answered`` for each contact, all asked at once.

        Raises ControlError: 400 when it is no address of ours, 404 when no phone is registered.
        """
        uri = uri_in(f"sip:{aor.removeprefix('sip:')}", "Invalid address")
        if uri.user is None or not self._box.domains.is_me(uri):
            raise ControlError(400, f"{aor} is no address of ours")
        key = self._box.domains.aor(uri)
        targets = self._box.targets.lookup(key)
        if not targets:
            raise ControlError(404, f"{key} has no phone registered")
        found = self._box.service.lookup(key, self._box.clock())
        agents = {binding.contact: binding.user_agent for binding in found}
        asked = [
            gevent.spawn(self._ask, str(key), target, event_for(agents.get(target.uri, "")))
            for target in targets
        ]
        gevent.joinall(asked)
        return [one.get() for one in asked]

    def _ask(self, aor: str, target: Target, event: str) -> dict[str, Any]:
        headers = [
            ("From", f"<sip:{aor}>"),
            ("To", f"<sip:{aor}>"),
            ("Event", event),
            ("Subscription-State", "terminated"),
        ]
        request = compose("NOTIFY", target.uri, headers, None)
        for answer in self._agent.send_to(request, target):
            if answer["status"] >= 200:
                return {
                    "contact": target.uri,
                    "event": event,
                    "status": answer["status"],
                    "reason": answer["reason"],
                    "answered": answer["headers"] is not None,
                }
        raise ControlError(500, "the NOTIFY ended without an answer")


def event_for(user_agent: str) -> str:
    """The event by which this phone reads its configuration anew."""
    if _SNOM_CORDLESS.match(user_agent):
        return "check-sync;reboot=true"
    return "check-sync;reboot=false" if user_agent.lower().startswith("snom") else "check-sync"
