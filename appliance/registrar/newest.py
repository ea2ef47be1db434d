"""The bindings that came last, for those who look at the server often, and while there are a million.

What is put costs next to nothing here; what is read back at a start is compared with one number. Must not
know how bindings are found.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from appliance.registrar.binding import Binding

# How many are told.
NEWEST = 10
# More are remembered: a phone may come again and again, and some go.
_REMEMBERED = 64


class Newest:
    """The latest bindings of ``Locations``."""

    def __init__(self) -> None:
        self._put: deque[Binding] = deque(maxlen=_REMEMBERED)
        self._restored: list[Binding] = []
        self._restored_until = -math.inf

    def put(self, binding: Binding) -> None:
        """This one has just come."""
        self._put.append(binding)

    def restored(self, binding: Binding) -> None:
        """This one was read back; it may have come long ago."""
        if binding.modified <= self._restored_until:
            return
        self._restored.append(binding)
        if len(self._restored) >= 2 * NEWEST:
            self._restored = sorted(self._restored, key=_modified)[-NEWEST:]
            self._restored_until = self._restored[0].modified

    def clear(self) -> None:
        """All are gone."""
        self._put.clear()
        self._restored = []
        self._restored_until = -math.inf

    def told(self, get: Callable[[str], Binding | None]) -> list[Binding]:
        """Ten of them, the latest first; those that ``get`` has no more, by their ruid, are left out."""
        known = {
            binding.ruid: binding for binding in (*self._restored, *self._put) if get(binding.ruid) is binding
        }
        return sorted(known.values(), key=_modified, reverse=True)[:NEWEST]


def _modified(binding: Binding) -> float:
    return binding.modified
