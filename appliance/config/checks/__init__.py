"""What must hold for values that a type alone cannot say, and between values.

Each check yields ``(path, sentence)`` for what is wrong: the path as a tuple of keys, the sentence with what
is allowed. ``remarks`` are about what is allowed but worth a word. Each file here
has the checks of what belongs together. Must not know files or lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.checks.agent import agent, phones
from appliance.config.checks.calls import forwarding, gateway, nat
from appliance.config.checks.cluster import cluster
from appliance.config.checks.dependencies import database, enum, media, name_servers, replication
from appliance.config.checks.finding import Finding
from appliance.config.checks.identity import domains, names, service_route
from appliance.config.checks.listening import listeners, tls, workers
from appliance.config.checks.predicates import is_host, is_loopback
from appliance.config.checks.protocol import auth, expires, limits, protection, texts, timers
from appliance.config.listener import split_address
from appliance.config.sections import Settings

__all__ = ["Finding", "findings", "is_host", "remarks"]


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that is wrong, in the order of the file's sections."""
    yield from listeners(settings)
    yield from tls(settings)
    yield from workers(settings)
    yield from names(settings)
    yield from domains(settings)
    yield from texts(settings)
    yield from timers(settings)
    yield from limits(settings)
    yield from auth(settings)
    yield from expires(settings)
    yield from service_route(settings)
    yield from database(settings)
    yield from agent(settings)
    yield from phones(settings)
    yield from nat(settings)
    yield from media(settings)
    yield from protection(settings)
    yield from gateway(settings)
    yield from forwarding(settings)
    yield from enum(settings)
    yield from name_servers("dns", settings.dns.name_servers)
    yield from replication(settings)
    yield from cluster(settings)


def remarks(settings: Settings) -> Iterator[Finding]:
    """What is allowed, and may still not be what somebody wants."""
    if settings.registrar.location_mode == "memory":
        yield ("registrar", "location_mode"), "registrations are lost at each restart"
    if settings.registrar.location_mode == "write-back":
        seconds = settings.registrar.write_back_seconds
        yield ("registrar", "location_mode"), f"a crash loses the registrations of the last {seconds} s"
    if not settings.tls.verify_servers and settings.tls.certificate:
        yield ("tls", "verify_servers"), "whoever stands between this box and a server can read along"
    if settings.sip.self_loop:
        yield ("sip", "self_loop"), "each of these requests passes twice; meant for a demonstration"
    if settings.agent.fifo and settings.agent.fifo_mode_bits & 0o002:
        yield ("agent", "fifo_mode"), "every user of this machine can command the server"
    if settings.agent.http and not is_loopback(split_address(settings.agent.http)[0]):
        yield ("agent", "http"), "the metrics can be read from other machines"
        if settings.agent.password_file and not settings.agent.certificate:
            yield ("agent", "password_file"), "it travels in clear text; agent.certificate makes it HTTPS"
    phones = settings.phones
    if phones.http and not phones.certificate and not is_loopback(split_address(phones.http)[0]):
        yield ("phones", "http"), "phones' passwords travel in clear text; a certificate makes it HTTPS"
    if settings.nat.keepalive != "off" and settings.registrar.location_mode == "database":
        yield ("nat", "keepalive"), "nobody gets any: the location mode 'database' keeps no list of phones"
    if phones.pnp:
        yield ("phones", "pnp"), "whoever knows a phone's MAC learns its passwords from the local networks"
