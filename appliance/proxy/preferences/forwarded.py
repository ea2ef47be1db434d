"""What a request remembers of forwarding: who has forwarded it, and what follows when nobody takes it.

Only a request for a user who has preferences has one. Must not know why a call is forwarded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from appliance.sip.uri import AddressOfRecord

if TYPE_CHECKING:
    from appliance.proxy.incoming import Incoming
    from appliance.proxy.target import Target


class FailureRoute(Protocol):
    """The seed's ``failure_route``: where a request goes that ended with ``status``, nowhere when that is
    empty. ``answered``: a phone has said so. May block."""

    def __call__(self, incoming: Incoming, status: int, answered: bool) -> Sequence[Target]: ...


class Forwarded:
    """``visited`` have forwarded the request, the last ``noted`` of them here. ``callee`` is the user whose
    phones ring now, if something follows when they do not take it: what ``failure_route`` says.
    ``ring_seconds`` is how long they ring, 0 for as long as any."""

    __slots__ = ("callee", "failure_route", "noted", "ring_seconds", "visited")

    def __init__(self, visited: list[AddressOfRecord]) -> None:
        self.visited = visited
        self.noted = 0
        self.callee: AddressOfRecord | None = None
        self.failure_route: FailureRoute | None = None
        self.ring_seconds = 0.0
