"""Bindings that come from another server, taken as if their phones had registered here: in memory, durable,
told to the other workers and nodes.

One user after the other, in his turn among his own REGISTERs; many users at once, so that they share commits.
What is newer here stays. Must not know where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gevent.pool import Pool

from appliance.errors import ControlError, MalformedMessage, StorageError
from appliance.operations.box import Box
from appliance.registrar.binding import PERMANENT, Binding, ruid_of
from appliance.registrar.contact import read_contact
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.journal import event

_AT_ONCE = 100
_PLAIN = ("contact", "call_id", "cseq", "q", "user_agent", "received", "path", "socket", "methods")


class ComingBindings:
    """``sipbox import``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def take(self, bindings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """``taken`` and ``here`` (as new here, newer, or over by now) are counts, ``refused`` lines with the
        reason.

        Each of ``bindings`` has the fields of ``Binding`` by their names; ``aor`` is user and domain,
        ``expires`` seconds since 1970, None for good. ControlError 400 when one of them is none.
        """
        of_user: dict[AddressOfRecord, list[Binding]] = {}
        try:
            for each in bindings:
                binding = self._binding(each)
                of_user.setdefault(binding.aor, []).append(binding)
        except (KeyError, TypeError, ValueError, MalformedMessage) as error:
            raise ControlError(400, f"Bad binding: {error}") from None
        done: dict[str, Any] = {"taken": 0, "here": 0, "refused": []}
        pool = Pool(_AT_ONCE)
        for aor, some in of_user.items():
            pool.spawn(self._take, aor, some, done)
        pool.join()
        if done["taken"]:
            event("binding-added", f"{done['taken']} bindings of another server's, by an administrator")
        return done

    def _binding(self, said: Mapping[str, Any]) -> Binding:
        box = self._box
        username, domain = said["aor"]
        aor = box.service.locations.key(AddressOfRecord(username, box.domains.canonical(domain.lower())))
        read_contact(f"<{said['contact']}>")
        expires = said["expires"]
        binding = Binding(
            aor,
            deadline=PERMANENT if expires is None else expires - box.wall() + box.clock(),
            **{name: said[name] for name in _PLAIN},
            instance=said["instance"],
            reg_id=said["reg_id"],
            cflags=said["cflags"],
            ruid=ruid_of(aor, said["contact"], said["instance"], said["reg_id"]),
            modified=float(said["modified"]),
        )
        box.complete(binding)
        return binding

    def _take(self, aor: AddressOfRecord, some: Sequence[Binding], done: dict[str, Any]) -> None:
        service, now = self._box.service, self._box.clock()
        service.turns.take(aor)
        try:
            here = {each.ruid: each.modified for each in service.lookup(aor, now)}
            new = [each for each in some if each.deadline > now and here.get(each.ruid, -1.0) < each.modified]
            if new:
                service.change(new, [])
            done["taken"] += len(new)
            done["here"] += len(some) - len(new)
        except StorageError as error:
            done["refused"] += [f"phone {each.contact} of {aor}: {error}" for each in some]
        finally:
            service.turns.end(aor)
