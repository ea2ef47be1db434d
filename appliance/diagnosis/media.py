"""Whose sound is relayed, and whether the nodes of rtpengine answer."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, Unknown, few
from appliance.diagnosis.surroundings import Surroundings

_WHOSE = {"nated": "calls with a party behind a NAT", "always": "all calls"}


def judge(settings: Settings, nodes: Mapping[str, bool]) -> Finding:
    """``nodes`` says of each whether it answers."""
    media = settings.media
    if media.mode == "never":
        return Finding("off", "no sound is relayed (media.mode)")
    away = [node for node, up in nodes.items() if not up]
    if away:
        if len(away) < len(nodes):
            meanwhile = "the others take its calls"
        elif media.when_away == "refuse":
            meanwhile = "calls that need it are refused"
        else:
            meanwhile = "calls go on, perhaps without sound"
        return Finding(
            "wrong",
            f"no answer from rtpengine at {few(away)}: {meanwhile}",
            "Start it: systemctl restart rtpengine-daemon; it writes to journalctl -u rtpengine-daemon.",
        )
    return Finding("ok", f"on: {_WHOSE[media.mode]}; rtpengine answers at {few(list(nodes))}")


def look(around: Surroundings) -> Finding:
    """The server's word."""
    settings = around.need("media")
    if settings.media.mode == "never":
        return judge(settings, {})
    nodes = around.needs_status().get("media", {}).get("nodes", {})
    if not nodes:
        raise Unknown("the server has not read these settings yet")
    return judge(settings, nodes)
