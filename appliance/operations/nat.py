"""Keep-alives to phones behind a NAT, switched off and on again while the server runs."""

from __future__ import annotations

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.telemetry.journal import event


class Nat:
    """OpenSER's ``nh_enable_ping``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def enable_ping(self, enabled: bool) -> None:
        """Until the next start. Raises ControlError 400 when the settings have none to switch on."""
        if not self._box.keep_alive(enabled):
            raise ControlError(400, "NATping disabled from script")
        event("command", f"keep-alives are {'on' if enabled else 'off'}, by an administrator")
