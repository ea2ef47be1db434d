"""The management agent, and the desk phones that it serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from urllib.parse import urlsplit

from appliance.config.checks.finding import Finding
from appliance.config.checks.listening import readable_listeners
from appliance.config.checks.predicates import is_host, is_host_with_port, is_time_zone
from appliance.config.listener import (
    Listener,
    split_address,
)
from appliance.config.sections import CODECS, Settings


def agent(settings: Settings) -> Iterator[Finding]:
    if not settings.agent.http:
        return
    try:
        host, port = split_address(settings.agent.http)
    except ValueError as error:
        yield ("agent", "http"), str(error)
        return
    if not is_host(host):
        yield ("agent", "http"), f"{host!r} is neither a name nor an address"
    if bool(settings.agent.certificate) != bool(settings.agent.certificate_key):
        yield ("agent", "certificate"), "certificate and certificate_key go together"
    for text in settings.sip.listen:
        try:
            listener = Listener.parse(text)
        except ValueError:
            continue  # told by _listeners
        if listener.transport != "udp" and listener.port == port and listener.host == host:
            yield ("agent", "http"), f"{settings.agent.http!r} is the address of {text!r} in sip.listen"


def phones(settings: Settings) -> Iterator[Finding]:
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
    if phones.transport == "tls" and not any(
        each.transport == "tls" for each in readable_listeners(settings)
    ):
        yield ("phones", "transport"), "'tls' needs an address with tls: in sip.listen"
    if phones.pnp and not phones.http:
        yield ("phones", "pnp"), "needs http: what phones are told is where to get their configuration"
    if bool(phones.certificate) != bool(phones.certificate_key):
        yield ("phones", "certificate"), "certificate and certificate_key go together"
    for name in ("certificate", "certificate_key", "key_file", "authority", "templates"):
        text = getattr(phones, name)
        if (text or name == "key_file") and (not text.startswith("/") or not text.isprintable()):
            yield ("phones", name), f"{text!r} has to be an absolute path"
    for name in ("sip_server", "outbound_proxy", "ntp"):
        text = getattr(phones, name)
        if text and not (is_host(text) or is_host_with_port(text)):
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
    if not is_time_zone(phones.time_zone):
        yield ("phones", "time_zone"), f"{phones.time_zone!r} is no time zone such as Europe/Berlin"
    if not re.fullmatch(r"[0-9*#+]{0,32}", phones.voicemail):
        yield ("phones", "voicemail"), f"{phones.voicemail!r} is no number to dial"
