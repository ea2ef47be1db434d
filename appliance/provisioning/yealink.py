"""Yealink: ``MAC.boot`` names what is read after it: the common file and ``MAC.cfg``.

Firmware before V81 asks for ``y0000000000XX.cfg`` (XX: the model) and ``MAC.cfg`` by itself. Lines are
``name = value`` and the first one is always ``#!version:1.0.0.1``.
"""

from __future__ import annotations

from typing import Any

from appliance.provisioning.phone import CODECS, Phone
from appliance.provisioning.rendering import File
from appliance.provisioning.timezone import Change, find_zone

_LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch",
    "pt": "Portuguese", "pl": "Polish", "da": "Danish", "sv": "Swedish", "no": "Norwegian", "fi": "Finnish",
    "cs": "Czech", "tr": "Turkish", "ru": "Russian",
}  # fmt: skip


def files(phone: Phone) -> dict[str, File]:
    """What a phone of this vendor may ask for, by the kind of file."""
    return {
        "boot": File(f"{phone.mac}.boot", "yealink/boot.cfg.j2", "text/plain", "what is read"),
        "common": File("y000000000000.cfg", "yealink/common.cfg.j2", "text/plain", "the site's settings"),
        "settings": File(f"{phone.mac}.cfg", "yealink/accounts.cfg.j2", "text/plain", "accounts"),
    }


def values(phone: Phone) -> dict[str, Any]:
    """What the templates need besides the phone and its site."""
    site = phone.site
    zone = find_zone(site.time_zone)
    return {
        "transport": {"udp": 0, "tcp": 1, "tls": 2}[site.transport],
        "codecs": [(name, site.codecs.index(name) + 1 if name in site.codecs else 0) for name in CODECS],
        "language": _LANGUAGES[site.language],
        "zone": zone,
        "daylight_start": _change(zone.daylight.start) if zone.daylight else None,
        "daylight_end": _change(zone.daylight.end) if zone.daylight else None,
    }


def _change(change: Change) -> str:
    """Month, week of the month (5: the last), weekday from Monday, hour."""
    return f"{change.month}/{change.week}/{change.from_monday}/{change.minute // 60}"
