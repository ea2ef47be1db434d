"""Who we are: names, domains, and what phones are told about us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import get_args

from appliance.config.checks.finding import Finding
from appliance.config.checks.predicates import is_host, is_host_with_port, is_place
from appliance.config.sections import Settings, WalledGarden

_METHOD = re.compile(r"[A-Z0-9.!%*_+`'~-]{1,32}")
_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = 32, 255  # the columns of domain_attrs


def names(settings: Settings) -> Iterator[Finding]:
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
        if not (is_host(name) or is_host_with_port(name)):
            yield ("sip", "aliases", index), f"{name!r} has to be HOST or HOST:PORT"
    for index, method in enumerate(settings.sip.self_loop):
        if not _METHOD.fullmatch(method) or method in ("ACK", "CANCEL"):
            yield (
                ("sip", "self_loop", index),
                f"{method!r} cannot be looped, as REGISTER and INVITE can",
            )


def domains(settings: Settings) -> Iterator[Finding]:
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


def service_route(settings: Settings) -> Iterator[Finding]:
    for network in settings.registrar.edge_proxies:
        try:
            ip_network(network, strict=False)
        except ValueError:
            yield ("registrar", "edge_proxies"), f"{network!r} is no address and no network"
    for route in settings.registrar.service_route:
        uri = route[1:-1]
        host = uri.partition(":")[2].partition(";")[0].rpartition("@")[2]
        if route != f"<{uri}>" or not uri.startswith(("sip:", "sips:")) or not is_place(host):
            yield ("registrar", "service_route"), f"{route!r} is no route; write <sip:HOST;lr>"
        elif not re.search(r";lr(?:[;=]|$)", uri):
            yield ("registrar", "service_route"), f"{route!r} would be a strict router; add ;lr"
