"""Memory and storage as one: the location service of RFC 3261 §10.3.

A change is seen in memory at once, so that a call finds a phone while its binding is still on the way to the
disk; it is undone when it cannot be made durable. While rows are still being loaded, a user's rows are read
before anything is decided about them; in the location mode ``database`` they are read every time, and memory
holds nothing.

Must not know SIP messages, nor how anything is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from appliance.registrar.binding import Binding, ruid_of
from appliance.registrar.contact import read_contact
from appliance.registrar.locations import Locations
from appliance.registrar.turns import Turns
from appliance.sip.uri import AddressOfRecord


class BindingStore(Protocol):
    """What makes bindings durable, in the way that the location mode asks for."""

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Return when both would survive a power cut, or raise StorageError. Commits keep their order."""

    def fetch(self, aor: AddressOfRecord) -> Iterable[Binding]:
        """The rows of one user; DatabaseUnavailable when nobody can know."""


class Others(Protocol):
    """Other processes that change the same bindings, and tell of it."""

    def hear(self) -> None:
        """Take in what they have told and nobody has read yet."""

    @property
    def behind(self) -> bool:
        """Whether something that they told may be missing here."""


class LocationService:
    """Finds and changes the bindings of one user at a time.

    ``in_memory`` False is the location mode ``database``. Whoever looks in order to change takes the user's
    turn first (``turns``), and keeps it until the change is durable. ``others`` are None when nobody else
    changes bindings.
    """

    def __init__(self, locations: Locations, store: BindingStore, *, in_memory: bool = True) -> None:
        self.locations = locations
        self.others: Others | None = None
        self.turns = Turns()
        self._store = store
        self._in_memory = in_memory

    def lookup(self, aor: AddressOfRecord, now: float) -> list[Binding]:
        """The living bindings of ``aor``, best first.

        May block, and raises DatabaseUnavailable when nobody can know: a user whose rows are not loaded yet
        is not one without bindings.
        """
        if not self._in_memory:
            return in_order(binding for binding in self._store.fetch(aor) if binding.deadline > now)
        locations, others = self.locations, self.others
        if others is not None:
            others.hear()
        if locations.loading and not locations.knows(aor):
            locations.complete(aor, list(self._store.fetch(aor)))
        found = locations.lookup(aor, now)
        if others is not None and not found and others.behind:
            for binding in self._store.fetch(aor):
                locations.restore(binding)
            found = locations.lookup(aor, now)
        return found

    def change(self, puts: Collection[Binding], drops: Collection[Binding]) -> None:
        """Put and take away bindings of one user; return when that is durable.

        Raises StorageError when it is not; then memory is as it was before.
        """
        if not self._in_memory:
            self._store.commit(list(puts), list(drops))
            return
        locations = self.locations
        before = [(binding, locations.get(binding.ruid)) for binding in puts]
        for binding in drops:
            locations.drop(binding.ruid)
        for binding in puts:
            locations.put(binding)
        try:
            self._store.commit(list(puts), list(drops))
        except BaseException:
            # Only what is still as we left it: an expiry that came meanwhile stays one.
            for binding, former in before:
                if locations.get(binding.ruid) is binding:
                    locations.drop(binding.ruid)
                    if former is not None:
                        locations.put_back(former)
            for binding in drops:
                if locations.get(binding.ruid) is None:
                    locations.put_back(binding)
            raise

    def refresh(self, binding: Binding, former: Binding) -> None:
        """``change`` for what nearly every REGISTER is: one binding takes the place of its former self."""
        if not self._in_memory:
            self._store.commit((binding,), ())
            return
        locations = self.locations
        locations.put(binding)
        try:
            self._store.commit((binding,), ())
        except BaseException:
            if locations.get(binding.ruid) is binding:
                locations.put_back(former)
            raise

    # ------------------------------------------------------------------------------- not asked for by a phone

    def add(self, binding: Binding) -> Binding:
        """Bind a contact on an administrator's word, and fill in its name.

        Raises MalformedMessage and StorageError.
        """
        read_contact(f"<{binding.contact}>")
        binding.aor = aor = self.locations.key(binding.aor)
        binding.ruid = ruid_of(aor, binding.contact, binding.instance, binding.reg_id)
        self.turns.take(aor)
        try:
            self.change([binding], [])
        finally:
            self.turns.end(aor)
        return binding

    def remove(self, aor: AddressOfRecord, now: float, contact: str | None = None) -> list[Binding]:
        """Take away one contact of a user, as it is written, or all of them; return what is gone.

        Raises StorageError.
        """
        aor = self.locations.key(aor)
        self.turns.take(aor)
        try:
            gone = [b for b in self.lookup(aor, now) if contact is None or b.contact == contact]
            if gone:
                self.change([], gone)
        finally:
            self.turns.end(aor)
        return gone

    def remove_unless_refreshed(self, binding: Binding) -> bool:
        """Take this very binding away; False when its phone has registered again, or has gone, meanwhile.

        Raises StorageError.
        """
        aor = self.locations.key(binding.aor)
        self.turns.take(aor)
        try:
            if self.locations.get(binding.ruid) is not binding:
                return False
            self.change([], [binding])
        finally:
            self.turns.end(aor)
        return True


def in_order(bindings: Iterable[Binding]) -> list[Binding]:
    """The best first: by ``q``, then the newest."""
    return sorted(bindings, key=lambda binding: (-binding.preference, -binding.modified))
