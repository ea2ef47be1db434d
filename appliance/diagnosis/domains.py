"""The domains that are served, and who may call whom across them."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.diagnosis.finding import Finding, few
from appliance.diagnosis.surroundings import Surroundings

_GARDEN = {
    "off": "others may call in, ours may call out",
    "inbound": "walled garden: others may not call in",
    "both": "walled garden: nobody calls in or out",
}


def judge(served: Sequence[str], garden: str) -> Finding:
    """``served`` are all names, of the settings and of the rows."""
    if not served:
        return Finding(
            "wrong", "no domain is served, so nobody can register", "sipbox domain add example.org"
        )
    return Finding("ok", f"on: {few(list(served))}; {_GARDEN[garden]}")


def look(around: Surroundings) -> Finding:
    """What the server serves; the settings' own ones while it is down."""
    settings = around.need("sip", "domains")
    told = around.status
    return judge(settings.sip.domains if told is None else told["domains"], settings.sip.walled_garden)
