"""Where phones and other servers reach us, by which certificates, and how many processes answer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from appliance.config.checks.finding import Finding
from appliance.config.checks.predicates import is_path
from appliance.config.listener import (
    SECURE_TRANSPORTS,
    Listener,
)
from appliance.config.places import KeyPath
from appliance.config.sections import Settings

_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without its final zero


def listeners(settings: Settings) -> Iterator[Finding]:
    if not settings.sip.listen:
        yield ("sip", "listen"), 'needs at least one address, as in ["udp:192.0.2.1:5060"]'
    seen: dict[Listener, str] = {}
    for index, text in enumerate(settings.sip.listen):
        try:
            listener = Listener.parse(text)
        except ValueError as error:
            yield ("sip", "listen", index), str(error)
            continue
        other = seen.get(listener.socket)
        if other == str(listener):
            yield ("sip", "listen", index), f"{text!r} stands there twice"
        elif other is not None:
            yield (
                ("sip", "listen", index),
                f"{text!r} has the address of {other!r}: each needs a port of its own",
            )
        seen[listener.socket] = str(listener)


def tls(settings: Settings) -> Iterator[Finding]:
    tls = settings.tls
    wanting = next(
        (each for each in readable_listeners(settings) if each.transport in SECURE_TRANSPORTS), None
    )
    if wanting is not None and not tls.certificate:
        yield ("tls", "certificate"), f"{str(wanting)!r} in sip.listen needs a certificate"
    pairs: list[tuple[KeyPath, str, str]] = [(("tls",), tls.certificate, tls.certificate_key)]
    for name, domain in settings.domains.items():
        pairs.append((("domains", name), domain.certificate, domain.certificate_key))
        if domain.certificate and not tls.certificate:
            yield ("domains", name, "certificate"), "needs tls.certificate too: many phones ask for no name"
    for path, certificate, key in pairs:
        if bool(certificate) != bool(key):
            yield (*path, "certificate"), "certificate and certificate_key go together"
        for field, text in (("certificate", certificate), ("certificate_key", key)):
            if text and not is_path(text):
                yield (*path, field), f"{text!r} has to be an absolute path"
    for field in ("client_authorities", "server_authorities"):
        text = getattr(tls, field)
        if text and not is_path(text):
            yield ("tls", field), f"{text!r} has to be an absolute path"
    if tls.client_certificates != "off" and not tls.client_authorities:
        yield (
            ("tls", "client_authorities"),
            f"is needed with client_certificates = {tls.client_certificates!r}",
        )
    for index, origin in enumerate(settings.websocket.origins):
        parts = urlsplit(origin)
        if origin and (parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}"):
            yield ("websocket", "origins", index), f"{origin!r} has to be like https://phone.example.org"


def workers(settings: Settings) -> Iterator[Finding]:
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


def readable_listeners(settings: Settings) -> Iterator[Listener]:
    for text in settings.sip.listen:
        try:
            yield Listener.parse(text)
        except ValueError:
            continue  # told by _listeners
