"""What a wrong password means for its sender and its user, and a right one (``protection`` decides).

A sender's address is proved when he sends by a connection, or repeats a nonce that was given to that address:
nobody can do either in another's name. Must not know digest.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.protection.door import Door
from appliance.protection.guesses import Guesses
from appliance.protection.source import source_of
from appliance.sip.hop import Hop


class GuessWatch:
    """Told of each try. ``was_given_to(nonce, host)`` says whether we have sent a nonce there; ``clock`` is
    monotonic."""

    def __init__(
        self,
        door: Door,
        guesses: Guesses,
        was_given_to: Callable[[str, str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._door = door
        self._guesses = guesses
        self._was_given_to = was_given_to
        self._clock = clock

    def may_try(self, username: str, domain: str, nonce: str, hop: Hop) -> bool:
        """Whether the credentials are looked at at all."""
        now = self._clock()
        user = f"{username}@{domain}"
        if self._guesses.is_open(user, now):
            return True
        return self._guesses.may_try(user, source_of(hop.host), self._is_proved(nonce, hop), now)

    def failed(self, username: str, domain: str, nonce: str, hop: Hop) -> None:
        """The password was wrong, or there is no such user."""
        proved = self._is_proved(nonce, hop)
        self._guesses.failed(f"{username}@{domain}", source_of(hop.host), proved, self._clock())
        self._door.failed(hop.host, "guessing", proved)

    def succeeded(self, username: str, domain: str, hop: Hop) -> None:
        """It was right."""
        self._guesses.succeeded(f"{username}@{domain}", source_of(hop.host), self._clock())
        self._door.succeeded(hop.host)

    def _is_proved(self, nonce: str, hop: Hop) -> bool:
        return hop.transport != "udp" or self._was_given_to(nonce, hop.host)
