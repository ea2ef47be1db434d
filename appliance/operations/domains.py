"""The domains that are served, shown and read again when somebody asks for it."""

from __future__ import annotations

from typing import Any

from appliance.operations.box import Box
from appliance.telemetry.journal import event


class ServedNames:
    """OpenSER's ``domain_dump`` and ``domain_reload``, ``sipbox domain reload``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def dump(self) -> list[dict[str, Any]]:
        """Every name that is served: ``host``, the ``domain`` that it is a name of, its ``did``, ``realm``
        and ``attributes``, in the order of the settings and the rows.
        """
        return [
            {
                "host": host,
                "domain": domain.name,
                "did": domain.did,
                "realm": domain.realm,
                "attributes": dict(domain.attributes),
            }
            for host, domain in self._box.domains.items()
        ]

    def reload(self) -> int:
        """Read ``domain`` and ``domain_attrs`` again; how many names are served now. Raises StorageError."""
        self._box.reload_domains()
        count = len(self.dump())
        event("command", f"domain_reload: {count} names are served", command="domain_reload")
        return count
