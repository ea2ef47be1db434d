"""When the next gateway is tried: after one that has failed, not after a callee who is busy.

Failed has a gateway that says so (503, and what the settings name), that cannot be reached, or that says
nothing at all for some seconds. Any other answer is the callee's, and final. Must not know which gateway
comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from appliance.proxy.forking.best_response import Final


def nobody_failed(gateway: int, now: float) -> None:
    """Whom nobody asked to be told."""


class Failover:
    """``statuses`` are those that mean a failed gateway, ``patience`` seconds one may be silent;
    ``failed(gateway, now)`` is told of each that has failed."""

    def __init__(
        self,
        statuses: Collection[int] = (503,),
        patience: float = 4.0,
        failed: Callable[[int, float], None] = nobody_failed,
    ) -> None:
        self._statuses = frozenset(statuses) | {503}
        self.patience = patience
        self.failed = failed

    def has_failed(self, final: Final, *, rang: bool) -> bool:
        """Whether a gateway that ended so has failed; ``rang``: it had sent a provisional response."""
        if final.response is None:
            # Our own verdict: nobody there, or no way. What has begun to ring, and is silent, is the callee.
            return final.status != 487 and not rang
        return final.status in self._statuses
