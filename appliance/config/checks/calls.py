"""Where calls go: phones behind a NAT, gateways, forwarding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.config.checks.finding import Finding
from appliance.config.checks.listening import readable_listeners
from appliance.config.checks.predicates import is_host, is_host_with_port
from appliance.config.listener import (
    Advertised,
)
from appliance.config.sections import NAT_TESTS, Settings

_NUMBER = re.compile(r"\+?[0-9]*\$?")  # the beginning of a telephone number, or a whole one
_GROUP = re.compile(r"[A-Za-z0-9_.-]{0,50}")


def nat(settings: Settings) -> Iterator[Finding]:
    known = {str(listener) for listener in readable_listeners(settings)}
    known |= {listener.host for listener in readable_listeners(settings)} | {""}
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


def gateway(settings: Settings) -> Iterator[Finding]:
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


def forwarding(settings: Settings) -> Iterator[Finding]:
    server = settings.presence.server
    address, _, transport = server.partition(";transport=")
    if server and not ((is_host(address) or is_host_with_port(address)) and transport in ("", "udp", "tcp")):
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
