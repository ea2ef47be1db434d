"""Asking whether somebody is there: an OPTIONS to each contact of a user of ours, or to any SIP URI."""

from __future__ import annotations

from typing import Any

import gevent

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.operations.uac import UserAgent
from appliance.operations.uac_request import compose, uri_in
from appliance.proxy.target import Target


class Ping:
    """``sipbox ping URI``."""

    def __init__(self, box: Box, agent: UserAgent) -> None:
        self._box = box
        self._agent = agent

    def ping(self, uri: str) -> list[dict[str, Any]]:
        """``contact``, ``status``, ``reason`` and ``seconds`` for each place that was asked, all at once.

        Raises ControlError: 400 when it is no URI, 404 when it is a user of ours who has no phone registered.
        """
        text = uri if ":" in uri.partition("@")[0] else f"sip:{uri}"
        parsed = uri_in(text, "Invalid URI")
        targets = [Target(text)]
        if parsed.user is not None and self._box.domains.is_me(parsed):
            aor = self._box.domains.aor(parsed)
            targets = self._box.targets.lookup(aor)
            if not targets:
                raise ControlError(404, f"{aor} has no phone registered")
        asked = [gevent.spawn(self._ask, target) for target in targets]
        gevent.joinall(asked)
        return [one.get() for one in asked]

    def _ask(self, target: Target) -> dict[str, Any]:
        box = self._box
        domain = box.domains.first() or "localhost"
        sender = ("From", f"<sip:ping@{domain}>")
        request = compose("OPTIONS", target.uri, [sender, ("To", f"<{target.uri}>"), ("Accept", "*/*")], None)
        began = box.clock()
        for answer in self._agent.send_to(request, target):
            if answer["status"] >= 200:
                return {
                    "contact": target.uri,
                    "status": answer["status"],
                    "reason": answer["reason"],
                    "seconds": round(box.clock() - began, 4),
                    "answered": answer["headers"] is not None,
                }
        raise ControlError(500, "the OPTIONS ended without an answer")
