"""What is known of one other node: whether it lives, and which of its news have not come.

Datagrams are lost and overtake one another. A number that is missing is given a moment to come late, then the
news are wanted again; who lacks too many, or meets a node for the first time, asks for everything. Must not
know sockets, nor bindings.
"""

from __future__ import annotations

from typing import Final

from appliance.neighbours.frames import Ask, Card, State, Want, Whole
from appliance.neighbours.outbox import KEPT

Address = tuple[str, int]

#: A node that has said nothing for so long is away.
AWAY_SECONDS: Final = 5.0
#: How long news may be overtaken by others, and how often they are wanted again.
LATE_SECONDS: Final = 0.05
_AGAIN_SECONDS: Final = 0.3
_TRIES: Final = 6
#: Nothing of an answer has come for so long: it is asked for again.
_SILENT_SECONDS: Final = 2.0
#: So many numbers in one packet.
_WANTED: Final = 100


class Neighbour:
    """One node in one life of it; ``now`` is monotonic seconds everywhere."""

    def __init__(self, name: str, life: int, address: Address, now: float) -> None:
        self.name = name
        self.life = life
        self.address = address
        self.heard_at = now
        self.patience = AWAY_SECONDS  # silent for longer, it is away
        self.away = False
        self.card: Card | None = None  # what it has said of itself
        self.late = 0.0  # how long its last sign of life was under way, as far as both clocks agree
        self._whole_at = now  # when all that it has told was known for the last time
        self.heard = 0  # all news up to this number are known
        self.asked_since = 0.0  # when everything was asked for
        self._beyond: set[int] = set()  # known too
        self._told = 0
        self._wanted_at = 0.0
        self._tries = 0
        self._query = 0
        self._pending = True  # everything is to be asked for
        self._answering = False
        self._moved_at = 0.0
        self._parts = 0
        self._end: Whole | None = None

    @property
    def complete(self) -> bool:
        """Whether all that it has told is known here."""
        return not self._pending and not self._answering and self.heard >= self._told

    def lag(self, now: float) -> float:
        """How many seconds we are behind what it has told."""
        if self.complete:
            self._whole_at = now
        return max(now - self._whole_at, self.late)

    def ask_again(self) -> None:
        """Everything has to be asked for once more."""
        self._pending, self._answering = True, False

    def told(self, number: int, now: float) -> None:
        """It has told so much."""
        if number > self._told:
            if self.heard == self._told:
                self._wanted_at, self._tries = now + LATE_SECONDS, 0
            self._told = number

    def hears(self, number: int, now: float) -> None:
        """News have come."""
        self.told(number, now)
        if number > self.heard:
            self._beyond.add(number)
            while self.heard + 1 in self._beyond:
                self.heard += 1
                self._beyond.discard(self.heard)

    def part(self, state: State, now: float) -> None:
        """Part of an answer has come."""
        if self._answering and state.query == self._query:
            self._parts += 1
            self._moved_at = now

    def whole(self, whole: Whole, now: float) -> None:
        """That was all of an answer, if no part was lost."""
        if self._answering and whole.query == self._query:
            self._end = whole
            self._moved_at = now

    def has_everything(self, now: float) -> bool:
        """Whether an answer is complete by now; said once."""
        end = self._end
        if not self._answering or end is None or self._parts < end.parts:
            return False
        self._answering, self._end = False, None
        self.told(end.told, now)
        if end.told > self.heard:
            self.heard = end.told
            self._beyond = {number for number in self._beyond if number > end.told}
            while self.heard + 1 in self._beyond:
                self.heard += 1
                self._beyond.discard(self.heard)
        return True

    def says(self, now: float) -> Ask | Want | None:
        """What has to be said to it now."""
        if self._pending or (self._answering and now - self._moved_at > _SILENT_SECONDS):
            self._pending, self._answering, self._end = False, True, None
            self._query += 1
            self._parts = 0
            self._moved_at = self.asked_since = now
            return Ask(self._query)
        if self._answering or self.heard >= self._told or now < self._wanted_at:
            return None
        self._tries += 1
        if self._told - self.heard > KEPT or self._tries > _TRIES:
            self.ask_again()
            return self.says(now)
        self._wanted_at = now + _AGAIN_SECONDS
        missing: list[int] = []
        for number in range(self.heard + 1, self._told + 1):
            if number not in self._beyond:
                missing.append(number)
                if len(missing) == _WANTED:
                    break
        return Want(missing)
