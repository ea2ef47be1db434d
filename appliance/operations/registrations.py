"""Registrations, looked at and changed by an administrator: as durable as those of the phones themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import gevent

from appliance.control import Items
from appliance.errors import ControlError, MalformedMessage
from appliance.operations.box import Box
from appliance.registrar.binding import PERMANENT, Binding
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.journal import event

# What OpenSER writes into a binding that was added by its management interface.
CALL_ID = "dfjrewr12386fd6-343@openser.mi"
USER_AGENT = "OpenSER MI Server"
SEQUENCE = 1

# So many bindings are told between two chances for the calls to go on.
_BATCH = 200
# By a timer, however short: after ``sleep(0)`` the loop goes on a thousand times before it looks at a socket.
_LOOK = 1e-6

# How often it is looked whether the table has been read, and how long between two looks.
_LOADING_LOOKS = 200
_LOADING_SECONDS = 0.05


class Registrations:
    """OpenSER's ``ul_`` commands, ``sipbox registration …`` and ``sipbox online``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def bindings(self, aor: str | None = None) -> Iterator[Items]:
        """The bindings of all users or of one, those included that have expired and are not swept yet.

        ``expires`` is in seconds from now, None for ever; ``modified`` is seconds since the epoch.
        """
        return self._rows(self._found(aor))

    def online(self) -> list[str]:
        """The addresses of record that have a phone registered, sorted."""
        return sorted({str(binding.aor) for binding in self._all()})

    def add(
        self,
        aor: str,
        contact: str,
        expires: int = 0,
        q: float | None = None,
        flags: int = 0,
        cflags: int = 0,
        methods: int | None = None,
        user_agent: str = USER_AGENT,
    ) -> dict[str, Any]:
        """Bind ``contact`` for ``expires`` seconds (0: for ever); the binding as ``bindings`` tells it.

        Raises ControlError 400 for what is no address or no URI, StorageError when it is not durable.
        """
        box = self._box
        binding = Binding(
            self._key(aor),
            contact,
            box.clock() + expires if expires else PERMANENT,
            CALL_ID,
            SEQUENCE,
            q=q,
            user_agent=user_agent,
            methods=methods,
            flags=flags,
            cflags=cflags,
            modified=box.wall(),
        )
        try:
            binding = box.service.add(binding)
        except MalformedMessage as error:
            raise ControlError(400, f"Bad parameter: {error}") from None
        event("binding-added", f"{binding.aor} at {contact}, by an administrator", sip_aor=str(binding.aor))
        return self._row(binding, box.clock(), box.unwritten())

    def remove(self, aor: str, contact: str | None = None) -> int:
        """Take away one contact, as it is written, or all of a user's; how many there were."""
        gone = self._box.service.remove(self._key(aor), self._box.clock(), contact)
        for binding in gone:
            words = f"{binding.aor} at {binding.contact}, by an administrator"
            event("binding-removed", words, sip_aor=str(binding.aor))
        return len(gone)

    def remove_all(self, aors: list[str]) -> int:
        """Take away all contacts of all these users; how many there were."""
        count = 0
        for aor in aors:
            count += self.remove(aor)
            gevent.sleep(_LOOK)
        return count

    def flush(self) -> None:
        """Write to the database now what would be written later."""
        self._box.flush()

    def _found(self, aor: str | None) -> Iterable[Binding]:
        service = self._box.service
        if aor is None:
            return self._all()
        key = self._key(aor)
        # A lookup may have to read the rows; what memory has beyond that has run out a moment ago.
        return service.lookup(key, self._box.clock()) or service.locations.bindings(key)

    @property
    def _in_memory(self) -> bool:
        return self._box.settings.registrar.location_mode != "database"

    def _all(self) -> Iterable[Binding]:
        """Every binding. Shortly after a start the table is still being read, and half of it is no answer."""
        box = self._box
        if not self._in_memory:
            return box.rows()
        for _ in range(_LOADING_LOOKS):
            if not box.service.locations.loading or not box.database.available:
                break
            gevent.sleep(_LOADING_SECONDS)
        return box.service.locations

    def _key(self, text: str) -> AddressOfRecord:
        username, at, domain = text.removeprefix("sip:").rpartition("@")
        if not at or not username or not domain:
            raise ControlError(400, "Domain missing in AOR")
        name = self._box.domains.canonical(domain.lower())
        return self._box.service.locations.key(AddressOfRecord(username, name))

    def _rows(self, bindings: Iterable[Binding]) -> Iterator[Items]:
        unwritten = self._box.unwritten()
        left = iter(bindings)
        while batch := list(islice(left, _BATCH)):
            now = self._box.clock()
            yield Items(self._row(binding, now, unwritten) for binding in batch)
            gevent.sleep(_LOOK)

    def _row(self, binding: Binding, now: float, unwritten: Iterable[str]) -> dict[str, Any]:
        permanent = binding.deadline == PERMANENT
        memory_only = self._box.settings.registrar.location_mode == "memory"
        return {
            "aor": str(binding.aor),
            "contact": binding.contact,
            "expires": None if permanent else max(round(binding.deadline - now), 0),
            "q": binding.q,
            "callid": binding.call_id,
            "cseq": binding.cseq,
            "user_agent": binding.user_agent,
            "received": binding.received,
            "path": binding.path,
            "socket": binding.socket,
            "transport": binding.transport,
            "methods": binding.methods,
            "instance": binding.instance,
            "reg_id": binding.reg_id,
            "flags": binding.flags,
            "cflags": binding.cflags,
            "ruid": binding.ruid,
            "modified": binding.modified,
            "state": "CS_NEW" if memory_only else "CS_DIRTY" if binding.ruid in unwritten else "CS_SYNC",
        }
