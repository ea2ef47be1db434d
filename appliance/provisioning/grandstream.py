"""Grandstream: ``cfgMAC`` in binary for the BudgeTone and its time, ``cfgMAC.xml`` with P-values or names.

P-values under ``<config version="2">`` are fetched and silently ignored, so each model gets the one form that
it reads. Expiry is in minutes (P32), a server's path has no scheme (P237 with P212).
"""

from __future__ import annotations

from typing import Any

from appliance.errors import PhoneRefused
from appliance.provisioning.phone import Phone
from appliance.provisioning.rendering import File
from appliance.provisioning.timezone import Change, find_zone

# RTP payload types as the phones number their vocoders.
_CODECS = {"pcmu": 0, "pcma": 8, "g722": 9, "g729": 18, "ilbc": 98, "opus": 123}
_OLD_CODECS = ("pcmu", "pcma", "g729")
_CODEC_NAMES = {
    "pcmu": "PCMU",
    "pcma": "PCMA",
    "g722": "G722",
    "g729": "G729",
    "ilbc": "iLBC",
    "opus": "OPUS",
}
_CODEC_PARAMETERS = ("P57", "P58", "P59", "P60", "P61", "P62")
_LANGUAGES = {
    "en": "en", "de": "de", "fr": "fr", "es": "es", "it": "it", "nl": "nl", "pt": "pt", "pl": "pl",
    "sv": "se", "cs": "cs", "tr": "tr", "ru": "ru",
}  # fmt: skip


def files(phone: Phone) -> dict[str, File]:
    """What a phone of this vendor may ask for, by the kind of file."""
    if phone.model.format == "binary":
        name = f"cfg{phone.mac}"
        return {"binary": File(name, "grandstream/cfg.params.j2", "application/octet-stream", "settings")}
    template = "grandstream/names.xml.j2" if phone.model.format == "xml2" else "grandstream/pvalues.xml.j2"
    return {"xml": File(f"cfg{phone.mac}.xml", template, "application/xml", "settings")}


def values(phone: Phone) -> dict[str, Any]:
    """What the templates need besides the phone and its site."""
    site = phone.site
    zone = find_zone(site.time_zone)
    scheme, _, path = site.url.rstrip("/").partition("://")
    old = phone.model.format == "binary"
    codecs = [name for name in site.codecs if not old or name in _OLD_CODECS]
    if not codecs:
        raise PhoneRefused(f"codecs: a {phone.model.name} has only {', '.join(_OLD_CODECS)}")
    numbers = [_CODECS[name] for name in codecs]
    # A list that is shorter than the phone's is filled with the last: what is left alone keeps its old value.
    filled = numbers + numbers[-1:] * (len(_CODEC_PARAMETERS) - len(numbers))
    return {
        "transport": {"udp": 0, "tcp": 1, "tls": 2}[site.transport],
        "transport_name": {"udp": "UDP", "tcp": "TCP", "tls": "TlsOrTcp"}[site.transport],
        "expires_minutes": max(site.expires // 60, 1),
        "url_path": path,
        "url_kind": 2 if scheme == "https" else 1,
        "codecs": list(zip(_CODEC_PARAMETERS, filled, strict=True)),
        "codec_names": [_CODEC_NAMES[name] for name in codecs],
        "language": _LANGUAGES.get(site.language),
        "posix_zone": zone.posix,
        "zone_minutes": zone.offset + 720,
        "daylight_rule": (
            f"{_rule(zone.daylight.start)};{_rule(zone.daylight.end)};{zone.daylight.minutes}"
            if zone.daylight
            else None
        ),
    }


def _rule(change: Change) -> str:
    """Month, which one of the month (-1: the last), weekday from Monday, hour, minute."""
    week = -1 if change.week == 5 else change.week
    hour, minute = divmod(change.minute, 60)
    return f"{change.month:02d},{week},{change.from_monday},{hour:02d},{minute:02d}"
