"""Cisco SPA and Linksys: ``spaMODEL.cfg`` says where the phone's own file is, ``MAC.xml``."""

from __future__ import annotations

from typing import Any

from appliance.errors import PhoneRefused
from appliance.provisioning.phone import Phone
from appliance.provisioning.rendering import File
from appliance.provisioning.timezone import Change, find_zone

_CODECS = {"pcma": "G711a", "pcmu": "G711u", "g722": "G722", "g729": "G729a"}
_PREFERENCES = ("Preferred_Codec", "Second_Preferred_Codec", "Third_Preferred_Codec")


def files(phone: Phone) -> dict[str, File]:
    """What a phone of this vendor may ask for, by the kind of file."""
    product = phone.model.name.removeprefix("spa").upper()
    return {
        "common": File(f"spa{product}.cfg", "cisco/common.xml.j2", "text/xml", "where the settings are"),
        "settings": File(f"{phone.mac}.xml", "cisco/settings.xml.j2", "text/xml", "settings"),
    }


def values(phone: Phone) -> dict[str, Any]:
    """What the templates need besides the phone and its site."""
    site = phone.site
    zone = find_zone(site.time_zone)
    codecs = [_CODECS[name] for name in site.codecs if name in _CODECS][: len(_PREFERENCES)]
    if not codecs:
        raise PhoneRefused(f"codecs: a {phone.model.name} has only {', '.join(_CODECS)}")
    filled = codecs + ["Unspecified"] * (len(_PREFERENCES) - len(codecs))
    return {
        "transport": site.transport.upper(),
        "codecs": list(zip(_PREFERENCES, filled, strict=True)),
        "voicemail": next((line.voicemail for line in phone.lines if line.voicemail), ""),
        "time_zone": f"GMT{zone.clock}",
        "daylight_rule": (
            f"start={_change(zone.daylight.start)};end={_change(zone.daylight.end)};"
            f"save={zone.daylight.minutes // 60}:{zone.daylight.minutes % 60}:0"
            if zone.daylight
            else ""
        ),
    }


def _change(change: Change) -> str:
    """Month, the first day that it can be (-1: the last), weekday from Monday, time."""
    day = -1 if change.week == 5 else (change.week - 1) * 7 + 1
    return f"{change.month}/{day}/{change.from_monday}/{change.minute // 60}:{change.minute % 60}:0"
