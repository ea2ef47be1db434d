"""Boxes that are one telephone system: the secret that they share, the address that they hold in turn."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

from appliance.config.checks.finding import Finding
from appliance.config.checks.listening import readable_listeners
from appliance.config.checks.predicates import is_path
from appliance.config.sections import Settings


def cluster(settings: Settings) -> Iterator[Finding]:
    wanted, replication = settings.cluster, settings.replication
    if wanted.key_file and not is_path(wanted.key_file):
        yield ("cluster", "key_file"), f"{wanted.key_file!r} has to be an absolute path"
    if (wanted.shared_address or wanted.members) and not wanted.key_file:
        yield ("cluster", "key_file"), "is needed: what one box has signed, the others have to believe"
    yield from _members(settings)
    if not wanted.shared_address:
        return
    try:
        ip_interface(wanted.shared_address)
    except ValueError:
        problem = f"{wanted.shared_address!r} is no address; write it like 192.0.2.9 or 192.0.2.9/24"
        yield ("cluster", "shared_address"), problem
        return
    hosts = {listener.host for listener in readable_listeners(settings)}
    if wanted.shared_host not in hosts:
        problem = f"{wanted.shared_host} has to stand in sip.listen too, as in udp:{wanted.shared_host}:5060"
        yield ("cluster", "shared_address"), problem
    elif len(hosts) == 1:
        problem = "is all that sip.listen has: put an address of this box's own before it"
        yield ("cluster", "shared_address"), problem
    if not replication.enabled and len(wanted.members) > 1:
        problem = "needs [replication]: only so the box that takes it over knows the phones there"
        yield ("cluster", "shared_address"), problem


def _members(settings: Settings) -> Iterator[Finding]:
    names: set[str] = set()
    for index, text in enumerate(settings.cluster.members):
        name, equals, address = text.partition("=")
        try:
            ip_address(address)
        except ValueError:
            equals = ""
        if not name or not equals:
            yield ("cluster", "members", index), f"{text!r} has to be NAME=ADDRESS, as in pbx-1=192.0.2.10"
        elif name in names:
            yield ("cluster", "members", index), f"there are two members with the name {name}"
        names.add(name)
