"""Which of several final responses goes upstream (RFC 3261 §16.7 steps 6 and 7). Pure choice, nothing is sent
here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from appliance.proxy.forking.challenges import CHALLENGES
from appliance.sip.message import Response

# A client can do something about these at once, so they say more than the others of their class (step 6).
_REPAIRABLE = frozenset({401, 407, 415, 420, 484})
# These say least: the branch was silent, or it was we who ended it.
_SILENT = frozenset({408, 487})


class Final(NamedTuple):
    """The end of one branch: its status, and the response, or None when nobody sent one."""

    status: int
    response: Response | None


def best(finals: Sequence[Final]) -> Final:
    """The response to forward out of at least one: a 6xx if there is any, else one of the lowest class."""
    return min(finals, key=_rank)


def _rank(final: Final) -> tuple[int, int]:
    status = final.status
    if status >= 600:
        return (0, 0)
    if status in _REPAIRABLE:
        return (status // 100, 0)
    if status in _SILENT:
        return (status // 100, 2)
    # A target that leads nowhere (our own 404 or 416) says nothing about the user, who may have another.
    return (status // 100, 3 if final.response is None and status != 480 else 1)


def gather_challenges(chosen: Response, finals: Sequence[Final]) -> None:
    """Adds the challenges of all branches to a 401 or 407: the client can answer every one (step 7)."""
    for final in finals:
        other = final.response
        if other is None or other is chosen or other.status not in (401, 407):
            continue
        for key, line in zip(other.keys, other.lines, strict=True):
            if key in CHALLENGES:
                name, _, value = line.partition(":")
                chosen.add(name.strip(), value.strip())
