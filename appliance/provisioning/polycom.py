"""Polycom: a master file names the phone's own, ``MAC-user.cfg``, all of it attributes in XML.

The phone asks for ``MAC.cfg`` and then for ``000000000000.cfg``; both are the master file. It also writes
back logs and what its user changed: that is not taken.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from appliance.provisioning.phone import Phone
from appliance.provisioning.rendering import File
from appliance.provisioning.timezone import Change, find_zone

_CODECS = {
    "pcma": "G711_A", "pcmu": "G711_Mu", "g722": "G722", "g729": "G729_AB", "opus": "Opus",
    "ilbc": "iLBC.13_33kbps",
}  # fmt: skip
_LANGUAGES = {
    "en": "English_United_States", "de": "German_Germany", "fr": "French_France", "es": "Spanish_Spain",
    "it": "Italian_Italy", "nl": "Dutch_Netherlands", "pt": "Portuguese_Portugal", "pl": "Polish_Poland",
    "da": "Danish_Denmark", "sv": "Swedish_Sweden", "no": "Norwegian_Norway", "ru": "Russian_Russia",
}  # fmt: skip


def files(phone: Phone) -> dict[str, File]:
    """What a phone of this vendor may ask for, by the kind of file."""
    return {
        "master": File(f"{phone.mac}.cfg", "polycom/master.xml.j2", "text/xml", "what is read"),
        "settings": File(f"{phone.mac}-user.cfg", "polycom/settings.xml.j2", "text/xml", "settings"),
    }


def values(phone: Phone) -> dict[str, Any]:
    """What the templates need besides the phone and its site."""
    site = phone.site
    zone = find_zone(site.time_zone)
    changes = (("start", zone.daylight.start), ("stop", zone.daylight.end)) if zone.daylight else ()
    return {
        "transport": {"udp": "UDPOnly", "tcp": "TCPOnly", "tls": "TLS"}[site.transport],
        "codecs": [
            (name, site.codecs.index(codec) + 1 if codec in site.codecs else 0)
            for codec, name in _CODECS.items()
        ],
        "language": _LANGUAGES.get(site.language),
        "gmt_offset": zone.offset * 60,
        # A line end in an attribute would be a blank when it is read (XML 1.0 §3.3.3).
        "authority": Markup("&#10;").join(site.authority.split("\n")),
        "daylight": [(which, _change(change)) for which, change in changes],
    }


def _change(change: Change) -> dict[str, int]:
    """The rule's parameters: dates say the first day of a week, weekdays count from Sunday, which is 1."""
    last = change.week == 5
    return {
        "month": change.month,
        "date": 1 if last else (change.week - 1) * 7 + 1,
        "dayOfWeek": change.weekday + 1,
        "dayOfWeek.lastInMonth": int(last),
        "time": change.minute // 60,
    }
