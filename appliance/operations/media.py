"""The nodes of rtpengine: which there are, and one that new calls shall not go to."""

from __future__ import annotations

from typing import Any

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.telemetry.journal import event


class MediaNodes:
    """OpenSER's ``nh_show_rtpp`` and ``nh_enable_rtpp``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def nodes(self) -> list[dict[str, Any]]:
        """Each node: its name, whether it answers, and whether new calls may go to it."""
        disabled = self._box.media_disabled()
        return [
            {"node": node, "up": up, "enabled": node not in disabled}
            for node, up in self._box.media_nodes().items()
        ]

    def enable(self, node: str, enabled: bool) -> None:
        """Until the next start; calls that are at it stay. Raises ControlError 404 when there is none."""
        if not self._box.media_enable(node, enabled):
            raise ControlError(404, "RTP proxy not found")
        event("command", f"new calls may {'go' if enabled else 'not go'} to rtpengine at {node}")
