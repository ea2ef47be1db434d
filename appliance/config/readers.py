"""Which process reads which section: who has to start anew when the file has changed.

The agent reads all of them. Must not know the processes.
"""

from __future__ import annotations

from appliance.config.sections import Settings

#: What no SIP process looks at.
AGENTS_OWN = frozenset({"agent", "phones"})


def same_for_server(one: Settings, other: Settings) -> bool:
    """Whether a SIP process works with both alike."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in Settings.__struct_fields__
        if name not in AGENTS_OWN
    )
