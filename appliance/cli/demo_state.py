"""What a demonstration keeps in its directory: settings, embedded database, subscribers, passwords.

Made when it is not there; the second start only looks. The directory and what is secret in it are for their
owner only.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import NamedTuple

from appliance.config import Listener, Settings, effective, parse
from appliance.config.listener import split_address
from appliance.errors import SettingsError

USERS = ("10", "11")
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no l, o, 0, 1: they are typed from a screen into a phone
LENGTH = 12
SOCKET_PATH_BYTES = 107  # of unix(7)


class Place(NamedTuple):
    """What was prepared. A password is None when somebody has changed it since."""

    settings: Settings
    config: Path
    passwords: dict[str, str | None]


def prepare(directory: Path, listen: str, http: str) -> Place:
    """Everything in ``directory``, ready to serve at ``listen``. Raises SettingsError, StorageError."""
    udp, tcp = (_listener(transport, listen) for transport in ("udp", "tcp"))
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = directory / "sipbox.toml"
    settings = _settings(directory, udp, tcp, _free_address(http), str(config))
    for listener in (udp, tcp):
        _require_free(listener)
    _write_private(
        config, "# Written at each start of the demonstration.\n\n" + effective(settings, hide_secrets=False)
    )
    return Place(settings, config, _subscribers(settings, _passwords(directory / "passwords.json")))


def _settings(directory: Path, udp: Listener, tcp: Listener, http: str, config: str) -> Settings:
    runtime = _runtime(directory)
    text: dict[str, dict[str, object]] = {
        "sip": {
            "listen": [str(udp), str(tcp)],
            "domains": [f"[{udp.host}]" if ":" in udp.host else udp.host],
            "state_dir": str(directory),
            "control": str(runtime / "control.sock"),
        },
        "database": {"url": f"sqlite:///{directory / 'sipbox.db'}"},
        "agent": {
            "fifo": str(runtime / "fifo"),
            "reply_dir": str(runtime / "replies"),
            "http": http,
            "socket": str(runtime / "agent.sock"),
        },
    }
    lines = []
    for section, values in text.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return parse("\n".join(lines), config)


def _runtime(directory: Path) -> Path:
    """Where sockets lie: in ``directory``, or in one of our own in /tmp when its path is too long."""
    if len(os.fsencode(directory / "control.sock")) <= SOCKET_PATH_BYTES:
        return directory
    link = directory / "runtime"
    if not link.is_dir():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="sipbox-"))
    return link.resolve()


def _listener(transport: str, address: str) -> Listener:
    """``HOST:PORT``, or only ``HOST`` for port 5060."""
    if ":" not in address or address.endswith("]"):
        address = f"{address}:5060"
    try:
        return Listener.parse(f"{transport}:{address}")
    except ValueError as error:
        raise SettingsError(str(error), path="--listen") from None


def _require_free(listener: Listener) -> None:
    """Before anything is promised to the phones."""
    kind = socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise SettingsError(
                f"{listener} cannot be used: {error.strerror}; name another address with --listen HOST:PORT"
            ) from None


def _free_address(http: str) -> str:
    """``http``, or the same with one of the next ports when another program has that one."""
    try:
        host, first = split_address(http)
    except ValueError as error:
        raise SettingsError(str(error), path="--http") from None
    for port in range(first, min(first + 20, 65_536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise SettingsError(f"no port from {first} on is free at {host}", path="--http")


def _passwords(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text())
        return {user: str(kept[user]) for user in USERS}
    except FileNotFoundError:
        made = {user: "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for user in USERS}
    except (ValueError, LookupError, TypeError):
        raise SettingsError("is damaged: remove it, and new passwords are made", file=str(file)) from None
    _write_private(file, json.dumps(made, indent=2) + "\n")
    return made


def _subscribers(settings: Settings, passwords: dict[str, str]) -> dict[str, str | None]:
    """The database with its tables and the two subscribers of this domain."""
    from appliance.sip.uri import AddressOfRecord
    from appliance.storage.administration import subscribers
    from appliance.storage.engine import Database
    from appliance.storage.heads import is_current

    file = Path(settings.database.url.removeprefix("sqlite:///"))
    database = Database(settings.database.url)
    if not file.exists() or not is_current(database):
        from appliance.storage import schema

        database.close()
        schema.create(settings.database.url)
    known: dict[str, str | None] = {}
    try:
        for user, password in passwords.items():
            who = AddressOfRecord(user, settings.sip.domains[0])
            fits = subscribers.has_password(database, who, password)
            if fits is None:
                subscribers.add(database, who, password)
            known[user] = None if fits is False else password
    finally:
        database.close()
    return known


def _write_private(file: Path, text: str) -> None:
    """Replace ``file`` in one step, readable by its owner only."""
    new = file.with_name(f".{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
