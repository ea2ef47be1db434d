"""What ``sipbox phone`` shows of a phone: never a password, and its secret only where that was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.storage.phones import StoredPhone


def told_of(found: StoredPhone) -> dict[str, Any]:
    """What anybody may see of a phone who may use this command: no password, no secret of its path."""
    return {
        "mac": found.mac,
        "vendor": found.vendor,
        "model": found.model,
        "enabled": found.enabled,
        "state": state_of(found),
        "options": {key: "***" if key == "admin_password" else value for key, value in found.options.items()},
        "first_seen": found.first_seen,
        "last_seen": found.last_seen,
        "last_address": found.last_address,
        "user_agent": found.user_agent,
        "lines": [
            {
                "line": line.line,
                "user": line.owner,
                "display_name": line.display_name,
                "label": line.label,
                "voicemail": line.voicemail,
            }
            for line in found.lines
        ],
    }


def state_of(found: StoredPhone) -> str:
    """In two or three words, whether the phone has what it should have."""
    if not found.enabled:
        return "disabled"
    if found.first_seen is None:
        return "never seen"
    return "up to date" if found.served == found.serial else "waits for resync"


def moment(when: datetime | None) -> str | None:
    """A time (UTC) to the minute, as it stands in a table."""
    return f"{when:%Y-%m-%d %H:%M}" if when else None
