"""What is said and accepted on the wire: texts, timers, limits, digests, expiry, strangers."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from appliance.config.checks.finding import Finding
from appliance.config.sections import Settings

_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without its final zero


def texts(settings: Settings) -> Iterator[Finding]:
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


def timers(settings: Settings) -> Iterator[Finding]:
    sip = settings.sip
    if sip.t2_ms < sip.t1_ms:
        yield ("sip", "t2_ms"), f"{sip.t2_ms} must not be less than t1_ms, which is {sip.t1_ms}"
    if sip.ring_seconds > sip.timer_c_seconds:
        yield (
            ("sip", "ring_seconds"),
            f"{sip.ring_seconds} must not exceed timer_c_seconds, which is {sip.timer_c_seconds}",
        )


def limits(settings: Settings) -> Iterator[Finding]:
    limits = settings.limits
    if limits.header_bytes > limits.message_bytes:
        yield ("limits", "header_bytes"), f"must not exceed message_bytes, which is {limits.message_bytes}"
    if limits.uri_bytes > limits.header_bytes:
        yield ("limits", "uri_bytes"), f"must not exceed header_bytes, which is {limits.header_bytes}"


def auth(settings: Settings) -> Iterator[Finding]:
    algorithms = settings.auth.algorithms
    if not algorithms:
        yield ("auth", "algorithms"), 'is empty, so nobody could register; write ["MD5"]'
    elif len(set(algorithms)) != len(algorithms):
        yield ("auth", "algorithms"), "names one of them twice; take one out"
    elif settings.auth.md5_agents and "MD5" not in algorithms:
        yield ("auth", "md5_agents"), "are asked for MD5, which auth.algorithms does not have; add it there"
    if "" in settings.auth.md5_agents:
        yield ("auth", "md5_agents"), "has an empty name, which would be everybody's; take it out"


def expires(settings: Settings) -> Iterator[Finding]:
    low, usual, high = (getattr(settings.registrar, f"{name}_expires") for name in ("min", "default", "max"))
    if high and low > high:
        yield ("registrar", "min_expires"), f"{low} must not exceed max_expires, which is {high}"
    elif usual < low:
        yield ("registrar", "default_expires"), f"{usual} must not be less than min_expires, which is {low}"
    elif high and usual > high:
        yield ("registrar", "default_expires"), f"{usual} must not exceed max_expires, which is {high}"


def protection(settings: Settings) -> Iterator[Finding]:
    said = settings.protection
    for index, text in enumerate(said.exempt):
        try:
            ip_network(text, strict=False)
        except ValueError:
            yield ("protection", "exempt", index), f"{text!r} is no network such as 192.0.2.0/24"
    for index, text in enumerate(said.scanners):
        if not text.strip():
            yield ("protection", "scanners", index), "is empty, and would fit every phone"
    if said.ban_seconds > said.longest_ban_seconds:
        yield (
            ("protection", "ban_seconds"),
            f"{said.ban_seconds} must not exceed longest_ban_seconds, which is {said.longest_ban_seconds}",
        )
