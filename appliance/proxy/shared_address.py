"""The address that several boxes hold in turn: which box has it now, and how phones there are called.

A phone on UDP that registered at the shared address is called from it, by whichever box holds it: its NAT
and its own rules let nobody else in. A box that does not hold it sends such a call to the shared address,
with a signed Route as to any neighbour (``neighbour_routes``). So every box has these bindings as they are,
and it is known only when somebody calls what becomes of one. What came by the shared address leaves by it
too, as far as nothing else says by which: then the Record-Route leads to whoever holds it later. Must not
know sockets, nor who gives the address to whom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from appliance.registrar.binding import NATED, OWNED_ELSEWHERE, Binding
from appliance.sip.hop import Hop


class SharedAddress:
    """``host`` is the address, ``listeners`` (transport, host, port) are all of ours by their index.

    ``here`` says whether this box holds it; whoever sees that change says so. He looks several times a
    second, and when he is asked to by ``look()``: who has just lost it would call from an address that he
    has not. ``may_go()`` says whether another box would be the better one to hold it, and may at any moment:
    whoever is told by this one to wait would wait in vain then.
    """

    def __init__(self, host: str, listeners: Sequence[tuple[str, str, int]]) -> None:
        self.host = host
        self.here = False
        self.look: Callable[[], None] = _nobody_looks
        self.may_go: Callable[[], bool] = _it_stays
        self._by_transport: dict[str, int] = {}
        #: The listeners there, as the column ``socket`` has them.
        self.sockets: frozenset[str] = frozenset(
            str(Hop(*listener)) for listener in listeners if listener[1] == host
        )
        self._indexes = frozenset(index for index, each in enumerate(listeners) if each[1] == host)
        for index, (transport, own, _) in enumerate(listeners):
            if own == host:
                self._by_transport.setdefault(transport, index)
        #: Those of UDP, and where a call for a phone there is sent by a box that does not hold it.
        self._ways: dict[str, str] = {
            str(Hop(*each)): str(Hop(*each)).removeprefix("udp:")
            for each in listeners
            if each[1] == host and each[0] == "udp"
        }

    def is_there(self, listener: int) -> bool:
        """Whether this listener is at the shared address."""
        return listener in self._indexes

    def may_send(self, listener: int) -> bool:
        """Whether anything can be sent by this listener now."""
        return self.here or listener not in self._indexes

    def leaves_by(self, came_by: int, transport: str) -> int:
        """The listener by which what came by ``came_by`` goes on by ``transport``; -1: any."""
        return self._by_transport.get(transport, -1) if came_by in self._indexes else -1

    def as_reached(self, bindings: Sequence[Binding]) -> Sequence[Binding]:
        """The bindings of a user as this box reaches them now."""
        ways = self._ways
        if self.here and any(binding.socket in ways for binding in bindings):
            self.look()
        if self.here:
            return bindings
        return [
            binding if binding.socket not in ways else _through(binding, ways[binding.socket])
            for binding in bindings
        ]


def _nobody_looks() -> None:
    pass


def _it_stays() -> bool:
    return False


def _through(binding: Binding, way: str) -> Binding:
    """The same, reached through the box that holds the address."""
    path = f"<sip:{way}{OWNED_ELSEWHERE}{binding.ruid}>"
    # Without its socket: the call leaves by whichever leads there.
    return replace(binding, hop=None, path=path, socket=None, cflags=binding.cflags & ~NATED)
