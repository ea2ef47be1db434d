"""What all response contexts share: the other parts of the proxy, the clock, and the times of patience.

A tuple and no more. Must not know any single request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from appliance.proxy.forking.challenges import Challenges
from appliance.proxy.forward import Forwarder
from appliance.proxy.incoming import Answers
from appliance.proxy.nat.detection import NatTest
from appliance.proxy.nat.media import Media
from appliance.proxy.privacy import Privacy
from appliance.proxy.pstn.failed_destinations import FailedDestinations
from appliance.proxy.pstn.failover import Failover
from appliance.proxy.pstn.gateway_login import GatewayLogin
from appliance.proxy.pstn.guard import Guard
from appliance.proxy.targets import TargetSet
from appliance.sip.hop import Hop
from appliance.telemetry.metrics import Metrics
from appliance.transaction.table import TransactionTable


class Surroundings(NamedTuple):
    """``clock`` is monotonic; ``defer`` runs a callable soon, where it may block; times are in seconds.
    ``server_patience`` is how long one of several servers of a domain may be silent."""

    forwarder: Forwarder
    transactions: TransactionTable
    answers: Answers
    metrics: Metrics
    clock: Callable[[], float]
    defer: Callable[..., object]
    send: Callable[[bytes, Hop], None]
    targets: TargetSet
    flow_patience_seconds: float
    ring_seconds: float
    timer_c_seconds: float
    max_branches: int
    failed_destinations: FailedDestinations
    challenges: Challenges
    privacy: Privacy
    server_patience: float
    nat: NatTest | None = None
    media: Media | None = None
    guard: Guard | None = None
    failover: Failover | None = None
    login: GatewayLogin | None = None
