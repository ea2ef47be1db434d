"""A call for a phone that lost its connection: it may be on its way back by another one.

The call looks again and again whether the phone has registered since, for as long as
``flow_patience_seconds`` and never for Timer B, then goes on without it. Must not know how a request is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from appliance.errors import StorageError
from appliance.proxy.forking.best_response import Final
from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.surroundings import Surroundings
from appliance.sip.hop import Hop

_LOOK_EVERY = 0.2


class Call(Protocol):
    """The response context, as far as it is seen here."""

    @property
    def done(self) -> bool: ...
    def tried(self) -> Collection[Hop | None]:
        """Where a copy went, or will go."""

    def send(self, branch: Branch, share: int | None) -> None: ...
    def branch_ended(self, branch: Branch, final: Final, now: float) -> None: ...


def await_return(around: Surroundings, call: Call, branch: Branch, share: int | None) -> None:
    """Sends the branch when its phone is back, or ends it with 480. ``share`` is its part of Max-Breadth."""
    if branch.patience is None:
        branch.patience = around.clock() + around.flow_patience_seconds
    until = branch.patience

    def look(now: float) -> None:
        if branch.final is not None or call.done:
            return
        if now >= until:
            around.metrics.flow_failures["gone"] += 1
            call.branch_ended(branch, Final(480, None), now)
        else:
            around.defer(_look_again, around, call, branch, share)

    around.transactions.wheel.schedule(min(around.clock() + _LOOK_EVERY, until), look)


def _look_again(around: Surroundings, call: Call, branch: Branch, share: int | None) -> None:
    if branch.final is not None or call.done:
        return
    try:
        target = around.targets.returned(branch.target, call.tried())
    except StorageError:
        target = None
    if target is None:
        await_return(around, call, branch, share)
    else:
        around.metrics.flow_failures["returned"] += 1
        branch.target = target
        call.send(branch, share)
