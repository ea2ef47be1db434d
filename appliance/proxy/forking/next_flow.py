"""A phone that keeps several flows open is called by one after the other (RFC 5626 §5.3, §7, §11.5).

All its flows lead to one phone, so a copy by each would make it ring for one call twice. The newest one is
tried first. Its next follows when the flow itself has failed: its connection is gone, an edge proxy says 430,
or nothing at all comes back for ``flow_patience_seconds``. What the phone answers is its answer, by whichever
flow. Must not know how a request is sent."""

from __future__ import annotations

from typing import Protocol

from appliance.errors import StorageError
from appliance.proxy.forking.best_response import Final
from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.surroundings import Surroundings


class Call(Protocol):
    """The response context, as far as it is seen here."""

    @property
    def done(self) -> bool: ...
    def send(self, branch: Branch, share: int | None) -> None: ...
    def branch_ended(self, branch: Branch, final: Final, now: float) -> None: ...


def has_failed(branch: Branch, final: Final) -> bool:
    """Whether it is the flow that has failed, and not the phone that has answered."""
    if final.response is not None:
        return False
    return final.status == 480 or (final.status == 408 and not branch.proceeding)


def try_next(around: Surroundings, call: Call, branch: Branch, final: Final) -> None:
    """Sends ``branch``, which has the target of one that has failed, by the next flow of its phone; ends it
    with ``final`` where there is none left. May block."""
    if branch.final is not None or call.done:
        return
    try:
        target = around.targets.next_flow(branch.target)
    except StorageError:
        target = None
    if target is None:
        branch.target = branch.target._replace(flows=())
        call.branch_ended(branch, final, around.clock())
    else:
        branch.target = target
        call.send(branch, None)
