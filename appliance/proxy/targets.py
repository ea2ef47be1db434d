"""The target set of a request (RFC 3261 §16.5): where one of our users can be reached, in the order to try.

Targets of equal ``q`` are tried together, groups one after the other, best first. Must not know how a request
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord


class Target(NamedTuple):
    """One place to send the request to: the Request-URI it gets, the way there if it is known, and its
    preference."""

    uri: str
    hop: Hop | None = None
    path: str | None = None
    q: float = 1.0


class TargetSet:
    """Answers 'where is this user?' from the bindings in memory, or from their rows while memory is not
    complete.

    ``fetch(aor)`` reads the rows of one address of record and may raise ``DatabaseUnavailable``;
    ``always_fetch`` is the location mode ``database``, which keeps nothing in memory.
    """

    def __init__(
        self,
        locations: Locations,
        fetch: Callable[[AddressOfRecord], Iterable[Binding]],
        clock: Callable[[], float],
        *,
        always_fetch: bool = False,
    ) -> None:
        self._locations = locations
        self._fetch = fetch
        self._clock = clock
        self._always_fetch = always_fetch

    def lookup(self, aor: AddressOfRecord) -> list[Target]:
        """The targets of a user, best first; empty when there is none.

        Raises DatabaseUnavailable when nobody can know: a phone that we have not loaded yet is not 'not
        found'.
        """
        bindings: Iterable[Binding]
        if self._always_fetch:
            bindings = self._in_order(self._fetch(aor))
        else:
            bindings = self._locations.lookup(aor, self._clock())
            if not bindings and self._locations.loading:
                bindings = self._in_order(self._fetch(aor))
        return [
            Target(binding.contact, binding.hop, binding.path, 1.0 if binding.q is None else binding.q)
            for binding in bindings
        ]

    def _in_order(self, bindings: Iterable[Binding]) -> list[Binding]:
        now = self._clock()
        alive = [binding for binding in bindings if binding.deadline > now]
        return sorted(
            alive, key=lambda binding: (-(1.0 if binding.q is None else binding.q), -binding.modified)
        )


def in_groups(targets: Iterable[Target], at_most: int) -> list[list[Target]]:
    """The targets in groups of equal q, ``at_most`` of them in all (the branch cap of RFC 5393 §5)."""
    first = list(targets)[:at_most]
    return [list(group) for _, group in groupby(first, key=lambda target: target.q)]
