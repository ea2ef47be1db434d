"""Snom: ``snomMODEL-MAC.htm`` is an index of settings files, of which there is one: ``MAC.xml``.

The transport can be told only with the outbound proxy, so there always is one.
"""

from __future__ import annotations

from typing import Any

from appliance.provisioning.phone import Line, Phone
from appliance.provisioning.rendering import File
from appliance.provisioning.timezone import Change, find_zone

_CODECS = {"pcma": "pcma", "pcmu": "pcmu", "g722": "g722", "g729": "g729", "opus": "opus", "ilbc": "ilbc"}
_LANGUAGES = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "it": "Italiano", "nl": "Nederlands",
    "pt": "Português", "pl": "Polski", "da": "Dansk", "sv": "Svenska", "no": "Norsk", "fi": "Suomi",
}  # fmt: skip


def files(phone: Phone) -> dict[str, File]:
    """What a phone of this vendor may ask for, by the kind of file."""
    mac = phone.mac.upper()
    model = phone.model.name.upper()
    return {
        "index": File(f"snom{model}-{mac}.htm", "snom/index.xml.j2", "text/xml", "what is read"),
        "settings": File(f"{mac}.xml", "snom/settings.xml.j2", "text/xml", "settings"),
    }


def values(phone: Phone) -> dict[str, Any]:
    """What the templates need besides the phone and its site."""
    site = phone.site
    zone = find_zone(site.time_zone)

    def outbound(line: Line) -> str:
        host, port = site.proxy_for(line.domain) or (line.domain, site.port)
        return f"{host}:{port};transport={site.transport}"

    return {
        "outbound": outbound,
        "codecs": ",".join([*(_CODECS[name] for name in site.codecs), "telephone-event"]),
        "language": _LANGUAGES.get(site.language),
        "utc_offset": f"{zone.offset * 60:+d}",
        "daylight": (
            f"{zone.daylight.minutes * 60} {_change(zone.daylight.start)} {_change(zone.daylight.end)}"
            if zone.daylight
            else ""
        ),
    }


def _change(change: Change) -> str:
    """Month, week of the month (5: the last), weekday from Monday, time."""
    return f"{change.month:02d}.{change.week:02d}.{change.from_monday:02d} {change.clock}:00"
