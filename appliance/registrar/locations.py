"""All bindings in memory: found by address of record, in the order to call them, and gone when they expire.

The location service of RFC 3261 §10.3. The bindings of one address stand sorted by ``q``, then the newest
first, so that a lookup has nothing left to do. Deadlines are kept in buckets of one second, so that expiry
costs what has expired and not what is alive, and each binding stands in exactly one of them: memory a binding
is bounded however often a phone registers. All times are monotonic; a jump of the wall clock expires nobody.

Must not know SIP messages, storage, or why a binding comes or goes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterator
from typing import Protocol

from appliance.registrar.binding import PERMANENT, Binding
from appliance.registrar.newest import Newest
from appliance.sip.uri import AddressOfRecord


class NatedPhones(Protocol):
    """Who is told, by ruid, of the bindings of phones behind a NAT."""

    def add(self, ruid: str) -> None: ...
    def discard(self, ruid: str) -> None: ...
    def forget_all(self) -> None: ...


class KnownSources(Protocol):
    """Who is told from which hosts phones are registered."""

    def add(self, host: str) -> None: ...
    def discard(self, host: str) -> None: ...
    def forget_all(self) -> None: ...


# Whether a binding that comes in stands before one that is there.
_Order = Callable[[Binding, Binding], bool]


class Locations:
    """The bindings of all users.

    ``case_sensitive`` False finds a user in any spelling (RFC 3261 §19.1.4 has the user part compared with
    case; some phones' users have not). ``now`` is monotonic seconds everywhere.
    """

    def __init__(self, *, case_sensitive: bool = True) -> None:
        self.case_sensitive = case_sensitive
        self.by_transport: Counter[str] = Counter()
        self._by_aor: dict[AddressOfRecord, tuple[Binding, ...]] = {}
        self._by_ruid: dict[str, Binding] = {}
        # A dictionary stands for a set: it takes less than half of the memory.
        self._due: dict[int, dict[str, None]] = {}
        self._swept = 0
        self._loading = False
        self._complete: set[AddressOfRecord] = set()
        self._nated: NatedPhones | None = None
        self._sources: KnownSources | None = None
        self._newest = Newest()
        self._elsewhere: Callable[[Binding], bool] | None = None

    def watch_nated(self, phones: NatedPhones) -> None:
        """From now on ``phones`` is told of the bindings behind a NAT; to be called while there are none."""
        self._nated = phones

    def watch_sources(self, sources: KnownSources) -> None:
        """The same for the hosts that phones are registered from, one telling for each binding."""
        self._sources = sources

    def keep(self, elsewhere: Callable[[Binding], bool]) -> None:
        """From now on ``forget_all`` forgets nothing that is ``elsewhere``: another node's, and in no row."""
        self._elsewhere = elsewhere

    def __len__(self) -> int:
        return len(self._by_ruid)

    def __iter__(self) -> Iterator[Binding]:
        """All bindings, in a copy: whoever goes through them may wait in between."""
        return iter(list(self._by_ruid.values()))

    @property
    def users(self) -> int:
        """How many addresses of record have a binding."""
        return len(self._by_aor)

    def addresses(self) -> list[AddressOfRecord]:
        """The addresses of record that have a binding."""
        return list(self._by_aor)

    def key(self, aor: AddressOfRecord) -> AddressOfRecord:
        """The one spelling under which the bindings of ``aor`` are kept."""
        return aor if self.case_sensitive else AddressOfRecord(aor.username.lower(), aor.domain)

    # ------------------------------------------------------------------------------------------------ finding

    def lookup(self, aor: AddressOfRecord, now: float) -> list[Binding]:
        """The bindings that live, best first: by ``q``, then the newest."""
        found = self._by_aor.get(aor if self.case_sensitive else self.key(aor), ())
        return [binding for binding in found if binding.deadline > now]

    def bindings(self, aor: AddressOfRecord) -> tuple[Binding, ...]:
        """All bindings of ``aor`` in the same order, those too that have expired and are not swept yet."""
        return self._by_aor.get(aor if self.case_sensitive else self.key(aor), ())

    def get(self, ruid: str) -> Binding | None:
        """The binding with this name."""
        return self._by_ruid.get(ruid)

    def newest(self) -> list[Binding]:
        """The ten that came last, the latest first."""
        return self._newest.told(self._by_ruid.get)

    # ----------------------------------------------------------------------------------------------- changing

    def put(self, binding: Binding) -> None:
        """Add ``binding``, or let it take the place of its namesake; it is the newest of its ``q`` now."""
        self._put(binding, _first_of_its_q)
        self._newest.put(binding)

    def put_back(self, binding: Binding) -> None:
        """Put a binding that was here before at the place that its age gives it."""
        self._put(binding, _by_its_age)

    def restore(self, binding: Binding) -> bool:
        """Put a binding that was read from storage while ``loading``, at the place that its age gives it.

        False, and nothing done, when memory knows better: its user has registered since the row was read.
        """
        ruid, aor = binding.ruid, binding.aor
        if not self.case_sensitive:
            aor = self.key(aor)
        if ruid in self._by_ruid or aor in self._complete:
            return False
        self._newest.restored(binding)
        if aor in self._by_aor:
            self._put(binding, _by_its_age)
            return True
        # The first of its user, as nearly all are: a million of them are put here at a start.
        self._by_aor[aor] = (binding,)
        self._by_ruid[ruid] = binding
        self.by_transport[binding.transport] += 1
        if self._sources is not None:
            self._sources.add(binding.source)
        self._make_due(binding)
        return True

    def drop(self, ruid: str) -> Binding | None:
        """Take one binding away and return it."""
        binding = self._by_ruid.pop(ruid, None)
        if binding is None:
            return None
        self._undue(binding)
        if self._sources is not None:
            self._sources.discard(binding.source)
        aor = self.key(binding.aor)
        others = tuple(other for other in self._by_aor[aor] if other is not binding)
        if others:
            self._by_aor[aor] = others
        else:
            del self._by_aor[aor]
        self.by_transport[binding.transport] -= 1
        return binding

    def drop_aor(self, aor: AddressOfRecord) -> list[Binding]:
        """Take all bindings of a user away and return them."""
        dropped = list(self.bindings(aor))
        for binding in dropped:
            self.drop(binding.ruid)
        return dropped

    def expire(self, now: float) -> list[Binding]:
        """Take away what has expired, and return it. To be called about once a second."""
        second = math.floor(now)
        expired: list[Binding] = []
        for due in self._seconds_until(second):
            for ruid in list(self._due.get(due, ())):
                binding = self.drop(ruid)
                if binding is not None:
                    expired.append(binding)
        self._swept = second
        return expired

    # ------------------------------------------------------------------------------------------------ loading

    @property
    def loading(self) -> bool:
        """True while rows are still being read: a user who is not here yet may still have bindings."""
        return self._loading

    @loading.setter
    def loading(self, loading: bool) -> None:
        self._loading = loading
        self._complete.clear()

    def knows(self, aor: AddressOfRecord) -> bool:
        """Whether the bindings here are all that there are of this user."""
        return not self._loading or self.key(aor) in self._complete

    def complete(self, aor: AddressOfRecord, rows: list[Binding]) -> None:
        """While loading: ``rows`` are all that storage has of this user. From now on memory knows better."""
        for binding in rows:
            self.restore(binding)
        self._complete.add(self.key(aor))

    def forget_all(self, but: Container[str] = ()) -> None:
        """Forget all bindings but those with these ruids: storage has them, and is going to be read again."""
        elsewhere = self._elsewhere
        kept = [
            binding
            for ruid, binding in self._by_ruid.items()
            if ruid in but or (elsewhere is not None and elsewhere(binding))
        ]
        self._by_ruid, self._by_aor, self._due = {}, {}, {}
        self.by_transport.clear()
        if self._nated is not None:
            self._nated.forget_all()
        if self._sources is not None:
            self._sources.forget_all()
        for binding in kept:
            self._put(binding, _by_its_age)

    # ---------------------------------------------------------------------------------------------- internals

    def _put(self, binding: Binding, stands_before: _Order) -> None:
        ruid, aor = binding.ruid, binding.aor
        if not self.case_sensitive:
            aor = self.key(aor)
        old = self._by_ruid.get(ruid)
        if old is not None and old.aor != binding.aor and self.key(old.aor) != aor:
            # Two users' rows of one name can only come from storage that somebody else wrote: the last one
            # counts.
            self.drop(ruid)
            old = None
        before = self._by_aor.get(aor)
        if self._sources is not None and (
            old is None
            or old.hop != binding.hop
            or old.contact != binding.contact
            or old.received != binding.received
        ):
            if old is not None:
                self._sources.discard(old.source)
            self._sources.add(binding.source)
        if old is None:
            self.by_transport[binding.transport] += 1
        else:
            self._undue(old)
            if old.socket != binding.socket or old.hop != binding.hop:
                self.by_transport[old.transport] -= 1
                self.by_transport[binding.transport] += 1
        if before is None or (old is not None and len(before) == 1):
            self._by_aor[aor] = (binding,)
        else:
            others = [other for other in before if other is not old]
            place = next((i for i, other in enumerate(others) if stands_before(binding, other)), len(others))
            others.insert(place, binding)
            self._by_aor[aor] = tuple(others)
        self._by_ruid[ruid] = binding
        self._make_due(binding)

    def _make_due(self, binding: Binding) -> None:
        if binding.cflags and self._nated is not None and binding.nated:
            self._nated.add(binding.ruid)
        deadline = binding.deadline
        if deadline == PERMANENT:
            return
        second = math.ceil(deadline)
        bucket = self._due.get(second)
        if bucket is None:
            self._due[second] = {binding.ruid: None}
            # Already over: the next sweep has to look that far back.
            if second <= self._swept:
                self._swept = second - 1
        else:
            bucket[binding.ruid] = None

    def _undue(self, binding: Binding) -> None:
        if binding.cflags and self._nated is not None:
            self._nated.discard(binding.ruid)
        if binding.deadline == PERMANENT:
            return
        second = math.ceil(binding.deadline)
        bucket = self._due[second]
        bucket.pop(binding.ruid, None)
        if not bucket:
            del self._due[second]

    def _seconds_until(self, second: int) -> list[int]:
        """The seconds since the last sweep, or the buckets, whichever are fewer."""
        if second - self._swept <= len(self._due):
            return list(range(self._swept + 1, second + 1))
        return sorted(due for due in self._due if due <= second)


def _first_of_its_q(new: Binding, other: Binding) -> bool:
    return new.preference >= other.preference


def _by_its_age(new: Binding, other: Binding) -> bool:
    mine, theirs = new.preference, other.preference
    return mine > theirs or (mine == theirs and new.modified >= other.modified)
