"""What we depend on: database, name servers, media nodes, other nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qsl, urlsplit

from appliance.config.checks.finding import Finding
from appliance.config.checks.predicates import is_group, is_host_with_port
from appliance.config.listener import (
    split_address,
    split_name_server,
)
from appliance.config.sections import Settings

# RFC 1123 names with RFC 3261's hostname grammar, underscores forgiven because zones have them.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}")
_LONGEST_SUFFIX = 222  # a name of the DNS has 253 signs, 15 digits with their dots 30 of them


def database(settings: Settings) -> Iterator[Finding]:
    section = settings.database
    yield from _database_url(("database", "url"), section.url)
    for index, url in enumerate(section.others):
        path = ("database", "others", index)
        yield from _database_url(path, url)
        if section.embedded or url.startswith("sqlite:"):
            yield path, "stands beside SQLite, or is it: only members of a MariaDB cluster have the same rows"
        elif url == section.url or url in section.others[:index]:
            yield path, "stands there twice"


def _database_url(path: tuple[str | int, ...], url: str) -> Iterator[Finding]:
    # It may hold a password: never in a sentence.
    allowed = "sqlite:////ABSOLUTE/PATH or mysql+pymysql://USER:PASSWORD@HOST/DATABASE"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a property that raises when the port is no number
    except ValueError:
        yield path, f"is no URL; {allowed} is allowed (@ : / # in a password as %40 %3A %2F %23)"
        return
    if parts.scheme == "sqlite":
        if (
            parts.netloc
            or not parts.path.startswith("//")
            or parts.path.endswith("/")
            or not url.isprintable()
        ):
            yield path, "needs the absolute path of a file: sqlite:////ABSOLUTE/PATH (four slashes)"
    elif parts.scheme not in ("mysql+pymysql", "mariadb+pymysql"):
        yield path, f"has the scheme {parts.scheme or 'none'}; {allowed} is allowed"
    elif not parts.path.strip("/"):
        yield path, "names no database; mysql+pymysql://USER:PASSWORD@HOST/openser is the usual form"
    elif not parts.hostname and not any(key == "unix_socket" for key, _ in parse_qsl(parts.query)):
        yield path, "names neither a host nor ?unix_socket=/run/mysqld/mysqld.sock"


def media(settings: Settings) -> Iterator[Finding]:
    media = settings.media
    if media.mode != "never" and not media.nodes:
        yield ("media", "nodes"), 'needs at least one rtpengine, as in ["127.0.0.1:2223"]'
    for index, text in enumerate(media.nodes):
        try:
            ip_address(split_address(text)[0])
        except ValueError:
            yield ("media", "nodes", index), f"{text!r} has to be ADDRESS:PORT, as in 127.0.0.1:2223"
        if text in media.nodes[:index]:
            yield ("media", "nodes", index), f"{text!r} stands there twice"
    for index, text in enumerate(media.inside_networks):
        try:
            ip_network(text)
        except ValueError:
            yield ("media", "inside_networks", index), f"{text!r} is no network such as 192.168.1.0/24"
    if media.mode == "nated" and not settings.nat.detect:
        yield ("media", "mode"), "'nated' needs nat.detect: nobody is seen to be behind a NAT without it"


def enum(settings: Settings) -> Iterator[Finding]:
    suffix = settings.enum.suffix
    if suffix and not (_HOSTNAME.fullmatch(suffix.lower()) and len(suffix) <= _LONGEST_SUFFIX):
        yield ("enum", "suffix"), f'{suffix!r} is no domain, as in "e164.arpa"'
    yield from name_servers("enum", settings.enum.name_servers)


def name_servers(section: str, texts: tuple[str, ...]) -> Iterator[Finding]:
    for index, text in enumerate(texts):
        try:
            split_name_server(text)
        except ValueError:
            yield (section, "name_servers", index), f'{text!r} is no address, as in "192.0.2.53"'


def replication(settings: Settings) -> Iterator[Finding]:
    wanted = settings.replication
    if wanted.group and not is_group(wanted.group):
        yield ("replication", "group"), f"{wanted.group!r} is no multicast group of IPv4 such as 239.255.80.1"
    for index, text in enumerate(wanted.peers):
        try:
            version = ip_address(split_address(text)[0]).version
        except ValueError:
            yield ("replication", "peers", index), f"{text!r} has to be ADDRESS:PORT, as in 192.0.2.2:5065"
            continue
        if (version == 6) != (":" in wanted.interface):
            problem = f"{text!r} cannot be reached from interface, which is {wanted.interface!r}"
            yield ("replication", "peers", index), problem
    if wanted.sip and not is_host_with_port(wanted.sip):
        yield ("replication", "sip"), f"{wanted.sip!r} has to be ADDRESS:PORT, as in 192.0.2.1:5060"
    if not wanted.enabled:
        return
    try:
        own = ip_address(wanted.interface)
        if own.is_unspecified or (wanted.group and own.version == 6):
            raise ValueError
    except ValueError:
        yield ("replication", "interface"), f"{wanted.interface!r} has to be an address of ours, as 192.0.2.1"
    if not settings.node_key_file.startswith("/"):
        yield ("replication", "key_file"), f"{wanted.key_file!r} has to be an absolute path"
    if settings.registrar.location_mode == "database":
        yield (
            ("registrar", "location_mode"),
            "'database' keeps no bindings in memory, where neighbours' are: use 'write-through'",
        )
    if not wanted.sip and not any(text.startswith("udp:") for text in settings.sip.listen):
        yield ("replication", "sip"), "has to say where neighbours send calls: there is no UDP listener"
