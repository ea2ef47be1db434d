"""What has to be the same on all boxes of one telephone system, as a digest that they compare.

Addresses, paths and sizes are each box's own; how it treats phones and calls is not. Must not know others.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from appliance.config.sections import Settings

#: Sections that are each box's own: where its rows are, whom it logs for, what listens on it.
_OWN = frozenset(
    {"agent", "cluster", "database", "log", "media", "phones", "replication", "tls", "websocket"}
)
_OWN_OF_SIP = frozenset(
    {
        "listen", "aliases", "advertise", "state_dir", "control", "workers", "receive_buffer",
        "max_connections", "max_connections_of_one", "max_greenlets", "max_in_progress",
    }
)  # fmt: skip


def digest(settings: Settings) -> str:
    """Eight letters that are the same on boxes whose settings agree."""
    said = msgspec.to_builtins(settings)
    common = {name: section for name, section in said.items() if name not in _OWN}
    common["sip"] = {key: value for key, value in said["sip"].items() if key not in _OWN_OF_SIP}
    common["cluster"] = {
        "shared_address": settings.cluster.shared_address,
        "members": sorted(settings.cluster.members),
    }
    common["domains"] = {
        name: {key: value for key, value in domain.items() if not key.startswith("certificate")}
        for name, domain in said["domains"].items()
    }
    encoded = msgspec.json.encode(common, order="sorted")
    return blake2b(encoded, digest_size=4).hexdigest()
