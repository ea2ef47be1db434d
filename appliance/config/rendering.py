"""Settings written as TOML: what holds now, with secrets hidden unless they are asked for.

The settings are sections of plain values, so the JSON form of a text, number or list is its TOML form too
(control characters, which are not, never get past ``checks``); a mapping becomes an inline table. Must not
know files.
"""

from __future__ import annotations

import json
import re

from msgspec import to_builtins

from appliance.config.sections import Settings

HIDDEN = "***"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(?P<before>://[^:/@]*:)(?P<secret>.*)(?P<after>@)")
_QUERY_PASSWORD = re.compile(r"(?P<before>[?&](?:password|passwd|ssl_key_password)=)[^&]*", re.IGNORECASE)


def hide_password(url: str) -> str:
    """A database URL with its password shown as ``***``."""
    # Greedy up to the last @: a password that was not percent-encoded must not show its second half.
    url = _PASSWORD.sub(rf"\g<before>{HIDDEN}\g<after>", url)
    return _QUERY_PASSWORD.sub(rf"\g<before>{HIDDEN}", url)


def effective(settings: Settings, hide_secrets: bool = True) -> str:
    """TOML text of everything that holds, defaults included; reading it gives the same settings again."""
    sections: dict[str, dict[str, object]] = to_builtins(settings)
    if hide_secrets:
        sections["database"]["url"] = hide_password(settings.database.url)
        sections["database"]["others"] = [hide_password(url) for url in settings.database.others]
    parts = []
    for section, values in sections.items():
        lines = "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in values.items())
        parts.append(f"[{section}]\n{lines}")
    return "\n".join(parts)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_toml(each)}' for key, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)
