"""Whether this box holds the shared address, looked at several times a second: the kernel tells nobody.

Must not know what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent

from appliance.transport.given_address import is_held

#: How often. A call that comes in between is sent to the address, which is this very box, or looks itself.
_EVERY_SECONDS = 0.2


class AddressWatch:
    """``changed(held)`` is called when ``host`` comes or goes, and once at the beginning if it is there."""

    def __init__(self, host: str, changed: Callable[[bool], None]) -> None:
        self.host = host
        self.held = False
        self._changed = changed
        self._watching: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Looks from now on; what holds at once is known when it returns."""
        self.look()
        self._watching = gevent.spawn(self._watch)

    def stop(self) -> None:
        if self._watching is not None:
            self._watching.kill()

    def look(self) -> None:
        """Looks once."""
        try:
            held = is_held(self.host)
        except OSError:
            return  # no socket is to be had at the moment: nobody knows, and the next look is soon
        if held != self.held:
            self.held = held
            self._changed(held)

    def _watch(self) -> None:
        while True:
            gevent.sleep(_EVERY_SECONDS)
            self.look()
