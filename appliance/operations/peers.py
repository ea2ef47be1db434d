"""The gateways, the routes to them and the trusted peers, shown and read again when somebody asks for it."""

from __future__ import annotations

from typing import Any

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.journal import event


class KnownPeers:
    """OpenSER's ``lcr_…``, ``trusted_…`` and ``address_…``, and what ``sipbox gateway`` and its neighbours
    show."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def gateways(self) -> list[dict[str, Any]]:
        """The gateways that are in use; ``rests`` is for how many more seconds others come first,
        ``failed_ago`` since how many seconds the last failure is past, None when there was none."""
        box, now = self._box, self._box.clock()
        rows = []
        for gateway in box.peer_rows().gateways:
            failed = box.gateway_failed(gateway.id)
            ago = None if failed is None else round(now - failed)
            rests = round(box.gateway_rests(gateway.id, now))
            rows.append({**gateway._asdict(), "rests": rests, "failed_ago": ago})
        return rows

    def routes(self) -> list[dict[str, Any]]:
        """The routes, in the order of their numbers."""
        return [route._asdict() for route in self._box.peer_rows().routes]

    def trusted(self) -> list[dict[str, Any]]:
        """The rows of ``trusted``."""
        return [row._asdict() for row in self._box.peer_rows().trusted]

    def addresses(self) -> list[dict[str, Any]]:
        """The rows of ``address``."""
        return [row._asdict() for row in self._box.peer_rows().addresses]

    def route(self, caller: str, number: str) -> dict[str, Any]:
        """What would become of the call of ``caller``, an address of record, to ``number``.

        ``needed`` is the group for it: "" none, None nobody may call it. Raises ControlError 400 for what is
        no number.
        """
        box = self._box
        username, _, domain = caller.rpartition("@")
        found = box.try_number(AddressOfRecord(username, domain), number, box.clock())
        if found is None:
            raise ControlError(
                400, f"{number} is no telephone number: the settings say how many digits one has"
            )
        allowed = found.needed == "" or found.needed in found.groups
        ways = [{"gateway": name, "uri": uri} for name, uri in found.gateways]
        return {"needed": found.needed, "groups": found.groups, "allowed": allowed, "gateways": ways}

    def reload(self) -> int:
        """Read all of them again, permissions too; how many gateways there are. Raises StorageError."""
        self._box.reload_peers()
        count = len(self._box.peer_rows().gateways)
        event("command", f"lcr_reload: there are {count} gateways", command="lcr_reload")
        return count
