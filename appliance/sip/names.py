"""Header names: which spellings mean the same header, how it is written, which hold lists (RFC 3261 §7.3).

Every name has one *key*, its full name in lower case (``v``, ``VIA`` and ``Via`` are ``via``); messages are
searched by keys only. Knows nothing of values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from appliance.errors import MalformedMessage

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++").fullmatch

# RFC 3261 §20 and the extensions that a proxy and registrar of today meet.
_DISPLAY_NAMES = """
    Accept Accept-Encoding Accept-Language Accept-Contact Alert-Info Allow Allow-Events
    Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding
    Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info Event Expires Flow-Timer
    From Geolocation History-Info Identity Identity-Info In-Reply-To Join Max-Forwards MIME-Version
    Min-Expires Min-SE Organization P-Access-Network-Info P-Asserted-Identity P-Associated-URI
    P-Called-Party-ID P-Charging-Vector P-hint P-Preferred-Identity P-Registrar-Error P-Visited-Network-ID
    Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route
    Refer-Sub Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition
    Require Retry-After Route RSeq Security-Client Security-Server Security-Verify Server Service-Route
    Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Target-Dialog Timestamp To
    Unsupported User-Agent User-to-User Via Warning WWW-Authenticate
"""

# §7.3.3 and IANA's registry of compact forms.
_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

# Headers whose grammar is ``(value *(COMMA value))``. The four that carry credentials and challenges use
# commas inside one value (§7.3.1), Date has one after the day: those are never split.
_LISTS = """
    accept accept-encoding accept-language accept-contact alert-info allow allow-events call-info contact
    content-encoding content-language diversion error-info history-info in-reply-to p-asserted-identity
    p-associated-uri p-preferred-identity path proxy-require reason record-route reject-contact require
    route security-client security-server security-verify service-route supported unsupported via warning
"""
LIST_HEADERS = frozenset(_LISTS.split())

# How many spellings that nobody expected are remembered, and how long they may be. What is beyond that only
# costs the time to look at it again, so a sender who invents names cannot fill the memory.
_REMEMBERED = 1024
_REMEMBERED_LENGTH = 64


def _usual_spellings(names: Iterable[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for name in names:
        key = name.lower()
        keys |= dict.fromkeys((name, key, name.upper(), name.title()), key)
    for letter, key in _COMPACT.items():
        keys[letter] = keys[letter.upper()] = keys[key]
    return keys


# Spelling -> key. The parser looks into it for each line before it asks key_of.
KEYS = _usual_spellings(_DISPLAY_NAMES.split())
_KEYS_BOUND = len(KEYS) + _REMEMBERED
_DISPLAY = {name.lower(): name for name in _DISPLAY_NAMES.split()}


def key_of(name: str) -> str:
    """The key of a header name in any spelling: ``v`` -> ``via``; MalformedMessage when it is no token."""
    key = KEYS.get(name)
    if key is None:
        # §25.1 HCOLON lets blanks stand before the colon.
        bare = name.rstrip(" \t")
        if not _TOKEN(bare):
            raise MalformedMessage(f"not a header name: {name[:40]!r}")
        lower = bare.lower()
        key = KEYS.get(lower, lower)
        if len(name) <= _REMEMBERED_LENGTH and len(KEYS) < _KEYS_BOUND:
            KEYS[name] = key
    return key


def display_of(key: str) -> str:
    """How the header with this key is written: ``www-authenticate`` -> ``WWW-Authenticate``."""
    display = _DISPLAY.get(key)
    return display if display is not None else key.title()
