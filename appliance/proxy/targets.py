"""The target set of a request (RFC 3261 §16.5): where one of our users can be reached, in the order to try.

Targets of equal ``q`` are tried together, groups one after the other, best first. Must not know how a request
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from zlib import crc32

from appliance.errors import DatabaseUnavailable
from appliance.proxy.target import Target
from appliance.registrar.binding import NATED, OWNED_ELSEWHERE
from appliance.registrar.location_service import LocationService
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord, Uri


class TargetSet:
    """Answers 'where is this user?' from the location service; ``clock`` is monotonic.

    ``sockets`` are the listeners by their text, where several could reach the same phone: each is called by
    the one that it registered at.
    """

    def __init__(
        self, service: LocationService, clock: Callable[[], float], sockets: Mapping[str, int] | None = None
    ) -> None:
        self._service = service
        self._clock = clock
        self._sockets = sockets or {}

    def lookup(self, aor: AddressOfRecord) -> list[Target]:
        """The targets of a user, best first; empty when there is none.

        May block, and raises DatabaseUnavailable when nobody can know: a phone whose row has not been loaded
        yet is not 'not found'.
        """
        now = self._clock()
        try:
            bindings = self._service.lookup(aor, now)
        except DatabaseUnavailable:
            # Started without the database: the spool has told of some phones, and to be called at one of
            # them is better than at none.
            bindings = self._service.locations.lookup(aor, now)
            if not bindings:
                raise
        sockets = self._sockets
        return [
            Target(
                binding.contact,
                binding.hop,
                binding.path,
                binding.preference,
                False,
                aor,
                binding.cflags & NATED != 0,
                sockets.get(binding.socket or "", -1) if sockets else -1,
            )
            for binding in bindings
        ]

    def named(self, ruid: str) -> Target | None:
        """The phone of one binding; None when it is gone, or is another node's by now."""
        binding = self._service.locations.get(ruid)
        if binding is None or binding.deadline <= self._clock() or OWNED_ELSEWHERE in (binding.path or ""):
            return None
        nated, listener = binding.cflags & NATED != 0, self._sockets.get(binding.socket or "", -1)
        contact, q = binding.contact, binding.preference
        return Target(contact, binding.hop, binding.path, q, False, binding.aor, nated, listener)

    def flow_now(self, aor: AddressOfRecord, contact: Uri) -> Hop | None:
        """The flow by which a phone behind a NAT is reached now; ``contact`` was its flow in the beginning.

        Its NAT may have forgotten it, or its connection ended, and it has registered by another one since.
        None when that cannot be said: it has several candidates, or none.
        """
        there = (contact.address, contact.port or 5060)
        anew: list[Hop] = []
        for binding in self._service.locations.lookup(aor, self._clock()):
            hop = binding.hop
            if hop is not None and binding.cflags & NATED:
                if (hop.host, hop.port) == there:
                    return hop
                if Uri.parse(binding.contact).user == contact.user:
                    anew.append(hop)
        return anew[0] if len(anew) == 1 else None

    def returned(self, lost: Target, tried: Collection[Hop | None]) -> Target | None:
        """The same user's phone on a new connection, when it has registered by one since; None until then."""
        if lost.aor is None:
            return None
        found = self.lookup(lost.aor)
        return next((each for each in found if each.hop is not None and each.hop not in tried), None)


def numbered(targets: Iterable[Target], taken: Iterable[int] = ()) -> Iterator[tuple[int, Target]]:
    """Each target with the number of its copy, which stands in the branch; none of those that are taken.

    It is made from where the copy goes. So a process that has lost the copies, and finds the same phones in
    another order, gives each of them its own number again.
    """
    used = set(taken)
    for target in targets:
        number = crc32(target.uri.encode("utf-8", "surrogateescape")) & 0xFFFF
        while number in used:
            number = (number + 1) & 0xFFFF
        used.add(number)
        yield number, target


def ambiguous_sockets(listeners: Sequence[tuple[str, str, int]]) -> dict[str, int]:
    """The listeners by their text, as the column ``socket`` has it; none when no two could take one another's
    place."""
    kinds = [(transport, ":" in host) for transport, host, _ in listeners]
    if len(set(kinds)) == len(kinds):
        return {}
    return {str(Hop(*listener)): index for index, listener in enumerate(listeners)}


def in_groups(targets: Iterable[Target], at_most: int) -> list[list[Target]]:
    """The targets in groups of equal q, ``at_most`` of them in all (the branch cap of RFC 5393 §5)."""
    first = list(targets)[:at_most]
    return [list(group) for _, group in groupby(first, key=lambda target: target.q)]
