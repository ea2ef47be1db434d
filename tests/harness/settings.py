"""A settings file for a server under test, as TOML text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Sections = Mapping[str, Mapping[str, Any]]


def merged(base: Sections, changes: Sections) -> dict[str, dict[str, Any]]:
    """Both, key by key; ``changes`` wins."""
    result = {section: dict(keys) for section, keys in base.items()}
    for section, keys in changes.items():
        result.setdefault(section, {}).update(keys)
    return result


def toml(sections: Sections) -> str:
    """The text. A TOML value of the types that settings have is written as JSON writes it, a mapping as an
    inline table."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{json.dumps(key)} = {_value(value)}" for key, value in keys.items()]
        lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def loopback_settings(directory: Path, port: int, agent_port: int, database_url: str) -> Sections:
    """A server on 127.0.0.1 whose every file lies in ``directory``."""
    return settings_at("127.0.0.1", directory, port, agent_port, database_url)


def settings_at(host: str, directory: Path, port: int, agent_port: int, database_url: str) -> Sections:
    """The same at another address."""
    return {
        "sip": {
            "listen": [f"udp:{host}:{port}", f"tcp:{host}:{port}"],
            "domains": [host],
            "state_dir": str(directory / "state"),
            "control": str(directory / "control.sock"),
        },
        "database": {"url": database_url},
        "agent": {
            "fifo": str(directory / "fifo"),
            "reply_dir": str(directory / "replies"),
            "http": f"127.0.0.1:{agent_port}",
            "socket": str(directory / "agent.sock"),
        },
    }
