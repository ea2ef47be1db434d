"""The settings: one TOML file, typed, where an unknown key is an error and not a surprise.

``sections`` says what can be set and what holds when nothing is said; ``checks`` what must hold between
values; ``reading`` makes ``Settings`` out of a file and names the file, line and path of what is wrong;
``places`` finds that line; ``rendering`` writes settings as TOML, without secrets. Nothing here opens a
socket, a database or a log.
"""

from __future__ import annotations

from appliance.config.listener import Listener
from appliance.config.reading import DEFAULT_PATH, check, load, parse
from appliance.config.rendering import effective, hide_password
from appliance.config.sections import (
    AgentSettings,
    AuthSettings,
    DatabaseSettings,
    DomainSettings,
    LimitSettings,
    LogSettings,
    MediaSettings,
    NamedDomain,
    PhoneSettings,
    RegistrarSettings,
    Settings,
    SipSettings,
)

__all__ = [
    "DEFAULT_PATH",
    "AgentSettings",
    "AuthSettings",
    "DatabaseSettings",
    "DomainSettings",
    "LimitSettings",
    "Listener",
    "LogSettings",
    "MediaSettings",
    "NamedDomain",
    "PhoneSettings",
    "RegistrarSettings",
    "Settings",
    "SipSettings",
    "check",
    "effective",
    "hide_password",
    "load",
    "parse",
]
