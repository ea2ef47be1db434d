"""What must hold for values that a type alone cannot say, and between values.

Each check yields ``(path, sentence)`` for what is wrong: the path as a tuple of keys, the sentence with what
is allowed. ``remarks`` are about what is allowed but worth a word. Must not know files or lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address, ip_network
from typing import get_args
from urllib.parse import parse_qsl, urlsplit

from appliance.config.listener import Advertised, Listener, split_address, split_name_server
from appliance.config.places import KeyPath
from appliance.config.sections import CODECS, NAT_TESTS, Settings, WalledGarden

Finding = tuple[KeyPath, str]

# RFC 1123 names with RFC 3261's hostname grammar, underscores forgiven because zones have them.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}")
_NUMBER = re.compile(r"\+?[0-9]*\$?")  # the beginning of a telephone number, or a whole one
_GROUP = re.compile(r"[A-Za-z0-9_.-]{0,50}")
_METHOD = re.compile(r"[A-Z0-9.!%*_+`'~-]{1,32}")
_LONGEST_SUFFIX = 222  # a name of the DNS has 253 signs, 15 digits with their dots 30 of them
_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = 32, 255  # the columns of domain_attrs
_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without its final zero


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that is wrong, in the order of the file's sections."""
    yield from _listeners(settings)
    yield from _workers(settings)
    yield from _names(settings)
    yield from _domains(settings)
    yield from _texts(settings)
    yield from _timers(settings)
    yield from _limits(settings)
    yield from _expires(settings)
    yield from _database(settings)
    yield from _agent(settings)
    yield from _phones(settings)
    yield from _nat(settings)
    yield from _media(settings)
    yield from _gateway(settings)
    yield from _forwarding(settings)
    yield from _enum(settings)
    yield from _replication(settings)


def remarks(settings: Settings) -> Iterator[Finding]:
    """What is allowed, and may still not be what somebody wants."""
    if settings.registrar.location_mode == "memory":
        yield ("registrar", "location_mode"), "registrations are lost at each restart"
    if settings.registrar.location_mode == "write-back":
        seconds = settings.registrar.write_back_seconds
        yield ("registrar", "location_mode"), f"a crash loses the registrations of the last {seconds} s"
    if settings.sip.self_loop:
        yield ("sip", "self_loop"), "each of these requests passes twice; meant for a demonstration"
    if settings.agent.fifo and settings.agent.fifo_mode_bits & 0o002:
        yield ("agent", "fifo_mode"), "every user of this machine can command the server"
    if settings.agent.http and not _is_loopback(split_address(settings.agent.http)[0]):
        yield ("agent", "http"), "the status page and the metrics can be read from other machines"
    phones = settings.phones
    if phones.http and not phones.certificate and not _is_loopback(split_address(phones.http)[0]):
        yield ("phones", "http"), "phones' passwords travel in clear text; a certificate makes it HTTPS"
    if settings.nat.keepalive != "off" and settings.registrar.location_mode == "database":
        yield ("nat", "keepalive"), "nobody gets any: the location mode 'database' keeps no list of phones"
    if phones.pnp:
        yield ("phones", "pnp"), "whoever knows a phone's MAC learns its passwords from the local networks"


def is_host(text: str) -> bool:
    """A host name, an IPv4 address, or an IPv6 address with or without brackets."""
    if _HOSTNAME.fullmatch(text.lower()) and not text.rpartition(".")[2].isdigit():
        return True
    try:
        ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return False
    return True


def _listeners(settings: Settings) -> Iterator[Finding]:
    if not settings.sip.listen:
        yield ("sip", "listen"), 'needs at least one address, as in ["udp:192.0.2.1:5060"]'
    seen: set[Listener] = set()
    for index, text in enumerate(settings.sip.listen):
        try:
            listener = Listener.parse(text)
        except ValueError as error:
            yield ("sip", "listen", index), str(error)
            continue
        if listener in seen:
            yield ("sip", "listen", index), f"{text!r} stands there twice"
        seen.add(listener)


def _workers(settings: Settings) -> Iterator[Finding]:
    count, mode = settings.sip.worker_count, settings.registrar.location_mode
    if count == 1:
        return
    if settings.database.embedded:
        yield (
            ("sip", "workers"),
            f"are {count}, and SQLite is for one: use MariaDB in database.url, or 1 worker",
        )
    if mode in ("memory", "write-back"):
        # A worker that starts, or has missed something, reads the rows: they have to be there.
        yield (
            ("registrar", "location_mode"),
            f"{mode!r} is for one worker: use 'write-through' or 'database', or set sip.workers to 1",
        )
    longest = settings.sip.link_of(count)
    if len(longest.encode("utf-8", "surrogateescape")) > _SOCKET_PATH_BYTES:
        yield ("sip", "control"), f"is too long for several workers: {longest} is no path for a socket"


def _names(settings: Settings) -> Iterator[Finding]:
    for index, name in enumerate(settings.sip.domains):
        if not is_host(name):
            yield (
                ("sip", "domains", index),
                f"{name!r} is neither a domain name nor an address",
            )
        elif ":" in name and not name.startswith("["):
            yield (
                ("sip", "domains", index),
                f"{name!r} has to stand in brackets, as it does in a URI: [{name}]",
            )
    for index, name in enumerate(settings.sip.aliases):
        if not (is_host(name) or _is_host_with_port(name)):
            yield ("sip", "aliases", index), f"{name!r} has to be HOST or HOST:PORT"
    for index, method in enumerate(settings.sip.self_loop):
        if not _METHOD.fullmatch(method) or method in ("ACK", "CANCEL"):
            yield (
                ("sip", "self_loop", index),
                f"{method!r} cannot be looped, as REGISTER and INVITE can",
            )


def _domains(settings: Settings) -> Iterator[Finding]:
    whose = dict.fromkeys(settings.sip.domains, "sip.domains")
    for name, domain in settings.domains.items():
        if name.lower().rstrip(".") not in settings.sip.domains:
            yield (
                ("domains", name),
                "describes a domain that is not in sip.domains: it has to stand there too",
            )
        for index, host in enumerate(domain.hosts):
            path = ("domains", name, "hosts", index)
            if not is_host(host) or (":" in host and not host.startswith("[")):
                yield path, f"{host!r} is neither a name of a host nor an address (IPv6 in brackets)"
            if host in whose:
                yield path, f"{host!r} stands in {whose[host]} already: a name is of one domain"
            whose[host] = f"domains.{name}.hosts"
        for key, value in domain.attributes.items():
            if not 0 < len(key) <= _ATTRIBUTE_NAME or not key.isprintable():
                yield (
                    ("domains", name, "attributes", key),
                    f"the name of an attribute has 1 to {_ATTRIBUTE_NAME} printable characters",
                )
            if key == "walled_garden" and value not in get_args(WalledGarden):
                yield (
                    ("domains", name, "attributes", key),
                    f"{value!r} has to be one of {', '.join(get_args(WalledGarden))}",
                )
            if len(value) > _ATTRIBUTE_VALUE or not value.isprintable() or '"' in value:
                yield (
                    ("domains", name, "attributes", key),
                    f"has to be a text of at most {_ATTRIBUTE_VALUE} printable characters without quotes",
                )


def _texts(settings: Settings) -> Iterator[Finding]:
    if not settings.sip.server_header.isprintable() or len(settings.sip.server_header) > 200:
        yield ("sip", "server_header"), "has to be one short line of printable characters"
    paths = {
        ("sip", "state_dir"): settings.sip.state_dir,
        ("sip", "control"): settings.sip.control,
        ("agent", "fifo"): settings.agent.fifo,
        ("agent", "reply_dir"): settings.agent.reply_dir,
        ("agent", "socket"): settings.agent.socket,
    }
    for path, text in paths.items():
        if text == "" and path == ("agent", "fifo"):
            continue
        if not text.startswith("/") or not text.isprintable():
            yield path, f"{text!r} has to be an absolute path"
    for path in (("sip", "control"), ("agent", "socket")):
        if len(paths[path].encode("utf-8", "surrogateescape")) > _SOCKET_PATH_BYTES:
            yield path, f"is longer than the {_SOCKET_PATH_BYTES} bytes that a socket's path may have"
    for path in (("agent", "fifo"), ("agent", "socket")):
        if paths[path] == settings.sip.control or (
            path[1] == "socket" and paths[path] == settings.agent.fifo
        ):
            yield path, f"{paths[path]!r} is in use for another socket or FIFO"


def _timers(settings: Settings) -> Iterator[Finding]:
    sip = settings.sip
    if sip.t2_ms < sip.t1_ms:
        yield ("sip", "t2_ms"), f"{sip.t2_ms} must not be less than t1_ms, which is {sip.t1_ms}"
    if sip.ring_seconds > sip.timer_c_seconds:
        yield (
            ("sip", "ring_seconds"),
            f"{sip.ring_seconds} must not exceed timer_c_seconds, which is {sip.timer_c_seconds}",
        )


def _limits(settings: Settings) -> Iterator[Finding]:
    limits = settings.limits
    if limits.header_bytes > limits.message_bytes:
        yield ("limits", "header_bytes"), f"must not exceed message_bytes, which is {limits.message_bytes}"
    if limits.uri_bytes > limits.header_bytes:
        yield ("limits", "uri_bytes"), f"must not exceed header_bytes, which is {limits.header_bytes}"


def _expires(settings: Settings) -> Iterator[Finding]:
    low, usual, high = (getattr(settings.registrar, f"{name}_expires") for name in ("min", "default", "max"))
    if high and low > high:
        yield ("registrar", "min_expires"), f"{low} must not exceed max_expires, which is {high}"
    elif usual < low:
        yield ("registrar", "default_expires"), f"{usual} must not be less than min_expires, which is {low}"
    elif high and usual > high:
        yield ("registrar", "default_expires"), f"{usual} must not exceed max_expires, which is {high}"


def _database(settings: Settings) -> Iterator[Finding]:
    path = ("database", "url")
    url = settings.database.url  # may hold a password: never in a sentence
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


def _agent(settings: Settings) -> Iterator[Finding]:
    if not settings.agent.http:
        return
    try:
        host, port = split_address(settings.agent.http)
    except ValueError as error:
        yield ("agent", "http"), str(error)
        return
    if not is_host(host):
        yield ("agent", "http"), f"{host!r} is neither a name nor an address"
    for text in settings.sip.listen:
        try:
            listener = Listener.parse(text)
        except ValueError:
            continue  # told by _listeners
        if listener.transport == "tcp" and listener.port == port and listener.host == host:
            yield ("agent", "http"), f"{settings.agent.http!r} is the address of {text!r} in sip.listen"


def _phones(settings: Settings) -> Iterator[Finding]:
    phones = settings.phones
    if phones.http:
        try:
            host, _ = split_address(phones.http)
        except ValueError as error:
            yield ("phones", "http"), str(error)
        else:
            if not is_host(host):
                yield ("phones", "http"), f"{host!r} is neither a name nor an address"
            if phones.http == settings.agent.http:
                yield ("phones", "http"), f"{phones.http!r} is the address of agent.http"
    if phones.url:
        parts = urlsplit(phones.url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            yield (
                ("phones", "url"),
                f"{phones.url!r} has to be like http://192.0.2.10:8088 or https://HOST/PATH",
            )
        elif not phones.url.isascii() or not phones.url.isprintable() or " " in phones.url:
            yield ("phones", "url"), f"{phones.url!r} has characters that a URL cannot have"
    if phones.pnp and not phones.http:
        yield ("phones", "pnp"), "needs http: what phones are told is where to get their configuration"
    if bool(phones.certificate) != bool(phones.certificate_key):
        yield ("phones", "certificate"), "certificate and certificate_key go together"
    for name in ("certificate", "certificate_key", "key_file", "templates"):
        text = getattr(phones, name)
        if (text or name == "key_file") and (not text.startswith("/") or not text.isprintable()):
            yield ("phones", name), f"{text!r} has to be an absolute path"
    for name in ("sip_server", "outbound_proxy", "ntp"):
        text = getattr(phones, name)
        if text and not (is_host(text) or _is_host_with_port(text)):
            yield ("phones", name), f"{text!r} has to be HOST or HOST:PORT"
    for index, text in enumerate(phones.pnp_networks):
        try:
            ip_network(text)
        except ValueError:
            yield ("phones", "pnp_networks", index), f"{text!r} is no network such as 192.168.1.0/24"
    if phones.pnp_interface:
        try:
            IPv4Address(phones.pnp_interface)
        except ValueError:
            yield (
                ("phones", "pnp_interface"),
                f"{phones.pnp_interface!r} has to be an IPv4 address of this machine",
            )
    if not phones.codecs:
        yield ("phones", "codecs"), f"needs at least one of {', '.join(CODECS)}"
    for index, codec in enumerate(phones.codecs):
        if codec not in CODECS:
            yield ("phones", "codecs", index), f"{codec!r} has to be one of {', '.join(CODECS)}"
    if not _is_time_zone(phones.time_zone):
        yield ("phones", "time_zone"), f"{phones.time_zone!r} is no time zone such as Europe/Berlin"
    if not re.fullmatch(r"[0-9*#+]{0,32}", phones.voicemail):
        yield ("phones", "voicemail"), f"{phones.voicemail!r} is no number to dial"


def _nat(settings: Settings) -> Iterator[Finding]:
    known = {str(listener) for listener in _readable_listeners(settings)}
    known |= {listener.host for listener in _readable_listeners(settings)} | {""}
    seen: set[str] = set()
    for index, text in enumerate(settings.sip.advertise):
        try:
            listener = Advertised.parse(text).listener
        except ValueError as error:
            yield ("sip", "advertise", index), str(error)
            continue
        if listener not in known:
            yield ("sip", "advertise", index), f"{listener!r} is none of listen"
        if listener in seen:
            yield ("sip", "advertise", index), f"{listener or 'what is for all'!r} is advertised twice"
        seen.add(listener)
    nat = settings.nat
    for index, test in enumerate(nat.tests):
        if test not in NAT_TESTS:
            yield ("nat", "tests", index), f"{test!r} has to be one of {', '.join(NAT_TESTS)}"
    if nat.remove_after_misses and nat.keepalive != "options":
        yield ("nat", "remove_after_misses"), 'needs keepalive = "options": nothing else is answered'


def _media(settings: Settings) -> Iterator[Finding]:
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


def _readable_listeners(settings: Settings) -> Iterator[Listener]:
    for text in settings.sip.listen:
        try:
            yield Listener.parse(text)
        except ValueError:
            continue  # told by _listeners


def _forwarding(settings: Settings) -> Iterator[Finding]:
    server = settings.presence.server
    address, _, transport = server.partition(";transport=")
    if server and not ((is_host(address) or _is_host_with_port(address)) and transport in ("", "udp", "tcp")):
        yield (
            ("presence", "server"),
            f'{server!r} is no HOST or HOST:PORT, as in "192.0.2.9:5060;transport=tcp"',
        )
    if 0 < settings.sip.min_session_seconds < 90:
        yield ("sip", "min_session_seconds"), "has to be 0 or at least 90 (RFC 4028)"
    voicemail = settings.forwarding.voicemail
    if voicemail and not re.fullmatch(r"sips?:[^\s<>\"@]+@[^\s<>\"@{}]+", voicemail):
        yield (
            ("forwarding", "voicemail"),
            f'{voicemail!r} is no SIP URI with a user, as in "sip:{{user}}@192.0.2.9"',
        )


def _enum(settings: Settings) -> Iterator[Finding]:
    suffix = settings.enum.suffix
    if suffix and not (_HOSTNAME.fullmatch(suffix.lower()) and len(suffix) <= _LONGEST_SUFFIX):
        yield ("enum", "suffix"), f'{suffix!r} is no domain, as in "e164.arpa"'
    for index, text in enumerate(settings.enum.name_servers):
        try:
            split_name_server(text)
        except ValueError:
            yield ("enum", "name_servers", index), f'{text!r} is no address, as in "192.0.2.53"'


def _gateway(settings: Settings) -> Iterator[Finding]:
    gateway = settings.gateway
    for index, text in enumerate(gateway.permissions):
        number, equals, group = text.partition("=")
        if not equals or not _NUMBER.fullmatch(number) or not _GROUP.fullmatch(group):
            yield (
                ("gateway", "permissions", index),
                f"{text!r} has to be PREFIX=GROUP or NUMBER$=GROUP, such as 00=int",
            )
    if gateway.credentials_file and not gateway.credentials_file.startswith("/"):
        yield ("gateway", "credentials_file"), f"{gateway.credentials_file!r} has to be an absolute path"
    if gateway.least_digits > gateway.most_digits:
        yield (
            ("gateway", "least_digits"),
            f"{gateway.least_digits} must not exceed most_digits, which is {gateway.most_digits}",
        )


def _replication(settings: Settings) -> Iterator[Finding]:
    wanted = settings.replication
    if wanted.group and not _is_group(wanted.group):
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
    if wanted.sip and not _is_host_with_port(wanted.sip):
        yield ("replication", "sip"), f"{wanted.sip!r} has to be ADDRESS:PORT, as in 192.0.2.1:5060"
    if not wanted.enabled:
        return
    try:
        own = ip_address(wanted.interface)
        if own.is_unspecified or (wanted.group and own.version == 6):
            raise ValueError
    except ValueError:
        yield ("replication", "interface"), f"{wanted.interface!r} has to be an address of ours, as 192.0.2.1"
    if not wanted.key_file.startswith("/"):
        yield ("replication", "key_file"), f"{wanted.key_file!r} has to be an absolute path"
    if settings.registrar.location_mode == "database":
        yield (
            ("registrar", "location_mode"),
            "'database' keeps no bindings in memory, where neighbours' are: use 'write-through'",
        )
    if not wanted.sip and not any(text.startswith("udp:") for text in settings.sip.listen):
        yield ("replication", "sip"), "has to say where neighbours send calls: there is no UDP listener"


def _is_group(text: str) -> bool:
    try:
        return IPv4Address(text).is_multicast
    except ValueError:
        return False


def _is_time_zone(name: str) -> bool:
    if name == "Etc/UTC":
        return True  # a small system may not have the database
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_host_with_port(text: str) -> bool:
    try:
        host, _ = split_address(text)
    except ValueError:
        return False
    return is_host(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
