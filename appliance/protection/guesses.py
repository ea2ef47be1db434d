"""Guessing of passwords: how often it may be tried, for each user and from each source, so that nobody locks
the owner out.

A user has so many wrong tries in all; when they are used up, each source has a few of its own for that user,
and they come back slowly. So a guesser with many addresses gets little, and the owner, at whatever place he
is, gets in at his first try. From where a user has proved himself before, he always may. A try whose sender's
address is not proved (by a nonce that was given to it, or a connection) counts for the user alone.

Other workers and boxes are told how often a user was guessed at, so all of them together give no more tries
than one does. A source's own few are counted by whoever has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.protection.allowance import Allowances
from appliance.protection.remembered import Remembered

#: Wrong tries for one user, from everywhere: at once, and a second.
USER_TRIES = (20.0, 1 / 30)
#: Wrong tries of one source for one user that is under attack.
PAIR_TRIES = (3.0, 1 / 200)
#: How long a source stays known to be the user's.
OWNER_SECONDS = 7 * 86_400.0
#: Of so many users others are told at once.
_NEWS = 4096
#: Bytes of a name and its domain, where others are told of it.
_LONGEST = 100


class Guesses:
    """``room`` bounds how many users and pairs are remembered."""

    def __init__(self, room: int) -> None:
        self._users = Allowances(*USER_TRIES, room)
        self._pairs = Allowances(*PAIR_TRIES, room)
        self._owners = Remembered(room)
        #: Wrong tries by user that nobody else knows of yet; None where there is nobody else.
        self._news: dict[str, int] | None = None

    def is_open(self, user: str, now: float) -> bool:
        """Whether anybody may try: nobody has guessed much of late."""
        return self._users.has_more(user, now)

    def may_try(self, user: str, source: str, proved: bool, now: float) -> bool:
        """Whether credentials of this user are looked at; if not, they are answered as wrong ones are."""
        if self.is_open(user, now):
            return True
        pair = f"{source} {user}"
        if self._owners.get(pair) > now:
            return True
        return proved and self._pairs.has_more(pair, now)

    def failed(self, user: str, source: str, proved: bool, now: float) -> None:
        """They were wrong."""
        # Who has none left is at an end everywhere.
        if self._users.take(user, now) and self._news is not None:
            self._note(user, self._news)
        if proved:
            self._pairs.take(f"{source} {user}", now)

    def succeeded(self, user: str, source: str, now: float) -> None:
        """They were right: this is a place of the user's."""
        pair = f"{source} {user}"
        if self._owners.get(pair) < now + OWNER_SECONDS / 2:
            self._owners.put(pair, now + OWNER_SECONDS)

    def share(self) -> None:
        """From now on somebody comes for the news."""
        self._news = {}

    def news(self) -> dict[str, int]:
        """Wrong tries by user since the last time that somebody asked; they are told once."""
        told = self._news
        if not told:
            return {}
        self._news = {}
        return told

    def hear(self, counts: Mapping[str, int], now: float) -> None:
        """Elsewhere so many tries were wrong, by user."""
        most = int(USER_TRIES[0])
        for user, count in counts.items():
            for _ in range(min(count, most)):
                self._users.take(user, now)

    def _note(self, user: str, news: dict[str, int]) -> None:
        """Somebody's name that can be written; no other is a user's."""
        if len(news) >= _NEWS or len(user) > _LONGEST or not user.isprintable():
            return
        if len(user.encode()) <= _LONGEST:
            news[user] = news.get(user, 0) + 1
