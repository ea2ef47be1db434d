"""The telephone network put together: gateways, who is known by his address, and who may call outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from appliance.config.sections import GatewaySettings
from appliance.protection.door import Door
from appliance.proxy.branch import Branches
from appliance.proxy.domains import Domains
from appliance.proxy.journal import ProxyJournal
from appliance.proxy.outside import Directory
from appliance.proxy.pstn.failover import Failover
from appliance.proxy.pstn.gateway import NumberRange, Pstn
from appliance.proxy.pstn.gateway_login import GatewayLogin, Login
from appliance.proxy.pstn.guard import Guard
from appliance.proxy.pstn.least_cost import LeastCost
from appliance.proxy.pstn.number_groups import NumberGroups
from appliance.proxy.pstn.trusted import Peers
from appliance.proxy.record_route import DialogRoutes
from appliance.telemetry.metrics import Metrics


class TelephoneNetwork:
    """All parts of it, which read the rows of the directory. ``key`` is what the guard signs with, ``hosts``
    are our own addresses, ``logins`` our passwords at gateways by realm; ``door`` learns whom we know by his
    address."""

    def __init__(
        self,
        settings: GatewaySettings,
        key: bytes,
        dialogs: DialogRoutes,
        branches: Branches,
        domains: Domains,
        directory: Directory,
        hosts: Sequence[str],
        journal: ProxyJournal,
        metrics: Metrics,
        logins: Mapping[str, Login] | None,
        door: Door | None,
    ) -> None:
        self.peers = peers = Peers(settings.address_group, branches.verify)
        self.least_cost = LeastCost(settings.rest_seconds, journal.gateway_failed)
        self.guard = Guard(key, dialogs, peers.sender, domains.is_me, journal.guarded, hosts)
        for reader in (peers.read, self.least_cost.read, self.guard.read):
            directory.watch_peers(reader)
        if door is not None:
            # After ``peers``, which has read the rows by then.
            directory.watch_peers(lambda _: door.familiar.peers_are(peers.places))
        self.login = GatewayLogin(logins) if logins else None
        self.failover = Failover(settings.next_on, settings.answer_seconds, self.least_cost.failed)
        self.pstn = Pstn(
            self.least_cost,
            NumberRange(settings.least_digits, settings.most_digits),
            NumberGroups(settings.permissions),
            directory.credentials,
            domains,
            directory.groups,
            directory.identity,
            settings.identity,
            metrics,
        )
