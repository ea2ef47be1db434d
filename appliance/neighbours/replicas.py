"""Bindings of other nodes, in our memory only: which of two stories is the newer one.

Packets may come twice, late, or in another order, so what counts is when a binding was made (``modified``)
and when it was taken away; both are kept, a removal for as long as an older story may still be under way. The
rows are the owner's: nothing is written here, and what runs out does so by its own deadline.

A phone that is reached by a flow (a NAT's mapping, a TCP connection) is reached by its owner alone. Its
replica has a Route to the owner in place of the flow, as if the owner were an edge proxy that had written a
Path (RFC 3327); ``proxy.neighbour_routes`` signs it for each request. Must not know sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from appliance.registrar.binding import NATED, OWNED_ELSEWHERE, Binding
from appliance.registrar.binding_note import DEADLINE, binding_of
from appliance.registrar.locations import Locations

#: How long a removal outlives itself: longer than any packet is believed.
_KEPT_SECONDS: Final = 900.0

Changes = dict[str, Binding | None]


class Replicas:
    """What other nodes tell, put into ``locations``.

    ``sockets`` are our listeners as the column ``socket`` has them: a binding by one of them is ours.
    ``lost(binding)`` is told of one of ours that a neighbour has now, or has taken away: its row has to go.
    """

    def __init__(
        self,
        locations: Locations,
        sockets: Collection[str],
        lost: Callable[[Binding], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._locations = locations
        self._sockets = frozenset(sockets)
        self._lost = lost
        self._clock, self._wall = clock, wall
        self._of: dict[str, tuple[str, float]] = {}  # ruid: the node, and when it said so (monotonic)
        self._gone: dict[str, float] = {}  # ruid: wall time of the removal

    def is_ours(self, binding: Binding) -> bool:
        """Whether it was made here: at one of our sockets, or by an administrator."""
        if binding.socket is None:
            return binding.ruid not in self._of
        return binding.socket in self._sockets

    def took_away(self, ruid: str) -> None:
        """One was taken away here."""
        self._gone[ruid] = self._wall()

    def put(self, node: str, sip: str, notes: list[list[Any]]) -> Changes:
        """Takes bindings in that ``node`` has, and returns what has changed by that. ValueError or TypeError
        for what is no note."""
        changed: Changes = {}
        now = self._clock()
        offset = self._wall() - now
        for note in notes:
            made = list(note)
            if len(made) > DEADLINE:
                made[DEADLINE] -= offset
            binding = binding_of(made)
            ruid = binding.ruid
            if binding.deadline <= now or binding.socket in self._sockets:
                continue
            known = self._locations.get(ruid)
            if not self._is_newer(binding, known):
                if ruid in self._of:
                    self._of[ruid] = node, now  # told again
                continue
            if known is not None and self.is_ours(known):
                self._lost(known)
            self._of[ruid] = node, now
            self._gone.pop(ruid, None)
            replica = as_replica(binding, sip)
            self._locations.put(replica)
            changed[ruid] = replica
        return changed

    def drop(self, gone: list[tuple[str, float]]) -> Changes:
        """Takes away what was taken away elsewhere, unless it was made anew since."""
        changed: Changes = {}
        for ruid, when in gone:
            self._gone[ruid] = max(when, self._gone.get(ruid, 0.0))
            known = self._locations.get(ruid)
            if known is None or known.modified > when:
                continue
            self._locations.drop(ruid)
            self._of.pop(ruid, None)
            changed[ruid] = None
            if self.is_ours(known):
                self._lost(known)
        return changed

    def drop_unsaid(self, node: str, since: float) -> Changes:
        """``node`` has told of all its bindings from ``since`` on: what else was its own is gone."""
        changed: Changes = {}
        for ruid in [ruid for ruid, (owner, when) in self._of.items() if owner == node and when < since]:
            del self._of[ruid]
            known = self._locations.get(ruid)
            if known is not None and not self.is_ours(known):
                self._locations.drop(ruid)
                changed[ruid] = None
        return changed

    def drop_unreachable(self, node: str) -> Changes:
        """``node`` is away: of its phones those stay that others reach too; a call to the rest would wait."""
        changed: Changes = {}
        for ruid in [ruid for ruid, (owner, _) in self._of.items() if owner == node]:
            known = self._locations.get(ruid)
            if known is not None and not self.is_ours(known) and OWNED_ELSEWHERE in (known.path or ""):
                self._locations.drop(ruid)
                del self._of[ruid]
                changed[ruid] = None
        return changed

    def all(self) -> Changes:
        """Everything that other nodes have told."""
        found = ((ruid, self._locations.get(ruid)) for ruid in list(self._of))
        return {ruid: known for ruid, known in found if known is not None and not self.is_ours(known)}

    def count(self) -> int:
        """Bindings of other nodes."""
        return len(self._of)

    def tidy(self) -> None:
        """Forgets removals of long ago, and whose what is gone was. To be called now and then."""
        before = self._wall() - _KEPT_SECONDS
        self._gone = {ruid: when for ruid, when in self._gone.items() if when > before}
        get, ours = self._locations.get, self.is_ours
        self._of = {
            ruid: owner
            for ruid, owner in self._of.items()
            if (known := get(ruid)) is not None and not ours(known)
        }

    def _is_newer(self, binding: Binding, known: Binding | None) -> bool:
        if self._gone.get(binding.ruid, 0.0) >= binding.modified:
            return False
        if known is None or known.modified < binding.modified:
            return True
        # A row of a database that all nodes share says nothing of the way through its owner.
        return known.modified == binding.modified and not self.is_ours(known) and known.ruid not in self._of


def as_replica(binding: Binding, sip: str) -> Binding:
    """The binding as another node than its owner has it; ``sip``: the owner's ``HOST:PORT``."""
    if binding.hop is None and not binding.nated:
        return binding
    path = f"<sip:{sip}{OWNED_ELSEWHERE}{binding.ruid}>"
    return replace(binding, hop=None, path=path, cflags=binding.cflags & ~NATED)
