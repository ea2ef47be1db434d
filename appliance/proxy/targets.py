"""The target set of a request (RFC 3261 §16.5): where one of our users can be reached, in the order to try.

Targets of equal ``q`` are tried together, groups one after the other, best first. Must not know how a request
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from zlib import crc32

from appliance.errors import DatabaseUnavailable
from appliance.proxy.shared_address import SharedAddress
from appliance.proxy.target import Target
from appliance.registrar.binding import NATED, OWNED_ELSEWHERE, Binding
from appliance.registrar.gruu import Gruu
from appliance.registrar.location_service import LocationService
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord, Uri


class TargetSet:
    """Answers 'where is this user?' from the location service; ``clock`` is monotonic.

    ``sockets`` are the listeners by their text, where several could reach the same phone: each is called by
    the one that it registered at. ``shared`` is the address that several boxes hold in turn, if there is one.
    """

    def __init__(
        self,
        service: LocationService,
        clock: Callable[[], float],
        sockets: Mapping[str, int] | None = None,
        shared: SharedAddress | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._sockets = sockets or {}
        self._shared = shared

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
        return self._targets(bindings, aor)

    def of_phone(self, gruu: Gruu) -> list[Target]:
        """The targets of the one phone that a GRUU names; as ``lookup``."""
        bindings = self._service.lookup(gruu.aor, self._clock())
        return self._targets([binding for binding in bindings if gruu.fits(binding)], gruu.aor)

    def _targets(self, bindings: Sequence[Binding], aor: AddressOfRecord) -> list[Target]:
        sockets = self._sockets
        if self._shared is not None:
            bindings = self._shared.as_reached(bindings)
        targets = [
            Target(
                binding.contact,
                binding.hop,
                binding.path,
                binding.preference,
                False,
                aor,
                binding.cflags & NATED != 0,
                sockets.get(binding.socket or "", -1) if sockets else -1,
                by_flow=binding.reg_id is not None,
            )
            for binding in bindings
        ]
        return targets if len(targets) < 2 else _one_of_each_phone(targets, bindings)

    def next_flow(self, failed: Target) -> Target | None:
        """The next way to the phone of a target whose flow has failed, with those that are left; None when
        there is no other. May block, and raises DatabaseUnavailable."""
        aor, flows = failed.aor, failed.flows
        if aor is None or not flows:
            return None
        living = {binding.ruid: binding for binding in self._service.lookup(aor, self._clock())}
        for place, ruid in enumerate(flows):
            binding = living.get(ruid)
            if binding is not None:
                if self._shared is not None:
                    [binding] = self._shared.as_reached([binding])
                listener = self._sockets.get(binding.socket or "", -1)
                return failed._replace(
                    uri=binding.contact,
                    hop=binding.hop,
                    path=binding.path,
                    nated=binding.nated,
                    listener=listener,
                    flows=flows[place + 1 :],
                )
        return None

    def named(self, ruid: str) -> Target | None:
        """The phone of one binding; None when it is gone, or is another node's by now."""
        binding = self._service.locations.get(ruid)
        if binding is None or binding.deadline <= self._clock() or OWNED_ELSEWHERE in (binding.path or ""):
            return None
        nated, listener = binding.cflags & NATED != 0, self._sockets.get(binding.socket or "", -1)
        contact, q = binding.contact, binding.preference
        return Target(contact, binding.hop, binding.path, q, False, binding.aor, nated, listener)

    def has_flow(self, aor: AddressOfRecord, flow: Hop) -> bool:
        """Whether one of the user's phones is reached by this flow still."""
        return any(
            binding.hop is not None and binding.hop[:5] == flow[:5]
            for binding in self._service.locations.lookup(aor, self._clock())
        )

    def flow_now(self, aor: AddressOfRecord, contact: Uri) -> Hop | None:
        """The flow by which a phone behind a NAT is reached now; ``contact`` was its flow in the beginning.

        Its NAT may have forgotten it, or its connection ended, and it has registered by another one since.
        None when that cannot be said: it has several candidates, or none.
        """
        there = (contact.address, contact.port or 5060)
        anew: list[Hop] = []
        phones: set[str | None] = set()
        for binding in self._service.locations.lookup(aor, self._clock()):
            hop = binding.hop
            by_flow = binding.cflags & NATED or binding.reg_id is not None
            if hop is not None and (by_flow or hop.transport not in ("udp", "tcp")):
                if (hop.host, hop.port) == there:
                    return hop
                if Uri.parse(binding.contact).user == contact.user:
                    anew.append(hop)
                    phones.add(None if binding.reg_id is None else binding.instance)
        # Of the flows of one phone, the newest.
        return anew[0] if len(anew) == 1 or (len(phones) == 1 and None not in phones) else None

    def returned(self, lost: Target, tried: Collection[Hop | None]) -> Target | None:
        """The same user's phone on a new connection, when it has registered by one since; None until then."""
        if lost.aor is None:
            return None
        found = self.lookup(lost.aor)
        return next((each for each in found if each.hop is not None and each.hop not in tried), None)


def _one_of_each_phone(targets: list[Target], bindings: Sequence[Binding]) -> list[Target]:
    """Of the flows of one phone only the best, which knows the others (RFC 5626 §7)."""
    best: dict[str, int] = {}
    others: dict[int, list[str]] = {}
    for place, binding in enumerate(bindings):
        if binding.reg_id is not None and binding.instance is not None:
            first = best.setdefault(binding.instance, place)
            if first != place:
                others.setdefault(first, []).append(binding.ruid)
    if not others:
        return targets
    left_out = {ruid for ruids in others.values() for ruid in ruids}
    return [
        target._replace(flows=tuple(others[place])) if place in others else target
        for place, target in enumerate(targets)
        if bindings[place].ruid not in left_out
    ]


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
