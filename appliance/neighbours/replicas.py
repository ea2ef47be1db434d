"""Bindings of other nodes, in our memory only: which of two stories is the newer one.

Packets may come twice, late, or in another order, so what counts is when a binding was made (``modified``)
and when it was taken away; both are kept, a removal for as long as an older story may still be under way. The
rows are the owner's: nothing is written here, and what runs out does so by its own deadline.

A phone that is reached by a flow (a NAT's mapping, a TCP connection) is reached by its owner alone. Its
replica has a Route to the owner in place of the flow, as if the owner were an edge proxy that had written a
Path (RFC 3327); ``proxy.neighbour_routes`` signs it for each request.

Several boxes may hold one address in turn. A phone on UDP there is everybody's: all have its binding as it
is, and ``proxy.shared_address`` says how it is called. A connection there ends at one box, whose phone it is
for as long as it lasts. When a node is away and there is such an address, what it alone reached over UDP is
called from there; what it reached by connections is lost. Must not know sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from appliance.errors import MalformedMessage
from appliance.registrar.binding import NATED, OWNED_ELSEWHERE, Binding
from appliance.registrar.binding_note import DEADLINE, binding_of
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import Uri

#: How long a removal outlives itself: longer than any packet is believed.
_KEPT_SECONDS: Final = 900.0

Changes = dict[str, Binding | None]


def _nowhere(_: Hop) -> bool:
    """Whether a connection is open, where nobody asks."""
    return False


class Replicas:
    """What other nodes tell, put into ``locations``.

    ``sockets`` are our listeners as the column ``socket`` has them: a binding by one of them is ours.
    ``shared`` are those of them at an address that other nodes have too; ``is_open(hop)`` says whether that
    very connection ends here. ``lost(binding)`` is told of one of ours that a neighbour has now, or has taken
    away: its row has to go.
    """

    def __init__(
        self,
        locations: Locations,
        sockets: Collection[str],
        lost: Callable[[Binding], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        shared: Collection[str] = (),
        is_open: Callable[[Hop], bool] = _nowhere,
    ) -> None:
        self._locations = locations
        self._shared = frozenset(shared)
        self._sockets = frozenset(sockets) - self._shared
        self._is_open = is_open
        #: Where phones on UDP are called from whose own node is away.
        self._stand_in = next((each for each in sorted(self._shared) if each.startswith("udp:")), None)
        self._taken: set[str] = set()  # the bindings that are called from there
        self._lost = lost
        self._clock, self._wall = clock, wall
        self._of: dict[str, tuple[str, float]] = {}  # ruid: the node, and when it said so (monotonic)
        self._gone: dict[str, float] = {}  # ruid: wall time of the removal

    def is_ours(self, binding: Binding) -> bool:
        """Whether it was made here: at one of our sockets, or by an administrator. One at a shared address is
        the node's that has told of it, or that has its connection."""
        socket = binding.socket
        if socket is None:
            return binding.ruid not in self._of
        if socket in self._shared:
            if socket.startswith("udp:"):
                return binding.ruid not in self._of
            return binding.hop is not None and self._is_open(binding.hop)
        return socket in self._sockets

    def wrote(self, ruid: str) -> None:
        """A phone has registered here: it is no other node's any more."""
        self._of.pop(ruid, None)
        self._taken.discard(ruid)

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
            self._taken.discard(ruid)
            replica = as_replica(binding, sip, self._shared)
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
        """``node`` is away: of its phones those stay that others reach too; a call to the rest would wait.
        Where there is a shared address, those on UDP are called from it."""
        changed: Changes = {}
        for ruid in [ruid for ruid, (owner, _) in self._of.items() if owner == node]:
            known = self._locations.get(ruid)
            if known is not None and not self.is_ours(known) and OWNED_ELSEWHERE in (known.path or ""):
                if self._stand_in is not None and (taken := _taken_over(known, self._stand_in)) is not None:
                    self._locations.put_back(taken)
                    self._taken.add(ruid)
                    changed[ruid] = taken
                    continue
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
        self._taken &= self._of.keys()

    def _is_newer(self, binding: Binding, known: Binding | None) -> bool:
        if self._gone.get(binding.ruid, 0.0) >= binding.modified:
            return False
        if known is None or known.modified < binding.modified:
            return True
        if known.modified != binding.modified or self.is_ours(known):
            return False
        # A row of a database that all nodes share says nothing of the way through its owner; and an owner
        # that is back has its phones again.
        return known.ruid not in self._of or known.ruid in self._taken


def as_replica(binding: Binding, sip: str, shared: Collection[str] = ()) -> Binding:
    """The binding as another node than its owner has it; ``sip``: the owner's ``HOST:PORT``, ``shared``: the
    sockets at an address that several nodes have."""
    if binding.hop is None and not binding.nated:
        return binding
    if binding.socket in shared and binding.transport == "udp":
        # By whichever listener has that address here.
        return binding if binding.hop is None else replace(binding, hop=binding.hop._replace(listener=-1))
    path = f"<sip:{sip}{OWNED_ELSEWHERE}{binding.ruid}>"
    return replace(binding, hop=None, path=path, cflags=binding.cflags & ~NATED)


def _taken_over(replica: Binding, socket: str) -> Binding | None:
    """A phone on UDP whose own node is away, called from ``socket``; None for one that only a connection
    reaches."""
    if replica.transport != "udp" or replica.received is None:
        return None
    try:
        source = Uri.parse(replica.received)
    except MalformedMessage:
        return None
    hop = Hop("udp", source.address, source.port or 5060, -1)
    return replace(replica, hop=hop, path=None, socket=socket, cflags=replica.cflags | NATED)
