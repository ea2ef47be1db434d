"""The door as the settings want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network

from appliance.config import Settings
from appliance.config.listener import split_address
from appliance.protection.bans import Ban, Bans
from appliance.protection.door import Door, Rates
from appliance.protection.familiar import Familiar
from appliance.protection.source import Network

#: How many bans there are at most; the shortest ones go first.
BANS = 16_384


def make_door(
    settings: Settings,
    hosts: Iterable[str],
    clock: Callable[[], float],
    dropped: dict[str, int],
    banned: Callable[[Ban], None],
) -> Door:
    """``hosts`` are addresses of ourselves and of whom we depend on: they are known, whatever comes from
    them; what is no address is passed over. ``dropped`` and ``banned`` as in ``Door``."""
    said = settings.protection
    always: list[Network] = [ip_network(text, strict=False) for text in said.exempt]
    for host in (*hosts, *_in_settings(settings)):
        try:
            always.append(ip_network(ip_address(host.strip("[]").partition("%")[0])))
        except ValueError:
            continue  # a name, or nobody
    rates = Rates(
        said.burst,
        said.requests_per_second,
        said.strangers_per_second,
        said.failures,
        said.failures_per_minute,
    )
    familiar = Familiar(always, rates.room)
    bans = Bans(said.ban_seconds, said.longest_ban_seconds, BANS)
    return Door(rates, familiar, bans, clock, dropped, banned)


def _in_settings(settings: Settings) -> list[str]:
    """Other nodes, rtpengine, name servers, a presence server; names among them are no addresses yet."""
    found = ["127.0.0.1", "::1"]
    found += [host for host, _ in settings.media.addresses]
    found += [host for host, _ in settings.enum.addresses]
    found += [split_address(text)[0] for text in settings.replication.peers]
    found += settings.cluster.addresses.values()
    found.append(settings.presence.server.partition(";")[0].rpartition(":")[0] or settings.presence.server)
    return found
