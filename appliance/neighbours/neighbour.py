"""What is known of one other node: whether it lives, and which of its news have not come.

Datagrams are lost and overtake one another. A number that is missing is given a moment to come late, then the
news are wanted again; who lacks too many, or meets a node for the first time, asks for everything, and then
for what is missing of the answer. Must not know sockets, nor bindings.
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
#: Nothing of an answer has come for so long: what is missing of it is asked for, or all when nothing came.
_SILENT_SECONDS: Final = 2.0
#: So many numbers in one packet.
_WANTED: Final = 100
#: Parts of an answer at most: of ten million bindings.
_MOST_PARTS: Final = 2_500_000


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
        self._has = bytearray(1)  # by the number of a part: whether it has come
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
        number = state.number
        if not self._answering or state.query != self._query or not 0 < number <= _MOST_PARTS:
            return
        self._moved_at = now
        if number >= len(self._has):
            self._has.extend(bytes(number + 1 - len(self._has)))
        if not self._has[number]:
            self._has[number] = 1
            self._parts += 1
            self._tries = 0

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
        self._answering, self._end, self._has = False, None, bytearray(1)
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
        if self._pending:
            self._pending, self._answering, self._end = False, True, None
            self._query += 1
            self._parts, self._has, self._tries = 0, bytearray(1), 0
            self._moved_at = self.asked_since = now
            return Ask(self._query)
        if self._answering:
            return self._misses(now)
        if self.heard >= self._told or now < self._wanted_at:
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

    def _misses(self, now: float) -> Ask | Want | None:
        """What has to be asked for again of an answer, once no more of it comes."""
        end = self._end
        if now - self._moved_at <= (_SILENT_SECONDS if end is None else _AGAIN_SECONDS):
            return None
        self._tries += 1
        if not self._parts or self._tries > _TRIES:
            self.ask_again()
            return self.says(now)
        self._moved_at = now
        if end is None:
            return Ask(self._query, [len(self._has) - 1])  # the end is said with it
        self._has.extend(bytes(max(end.parts + 1 - len(self._has), 0)))
        missing: list[int] = []
        number = self._has.find(0, 1)
        while 0 < number <= end.parts and len(missing) < _WANTED:
            missing.append(number)
            number = self._has.find(0, number + 1)
        return Ask(self._query, missing)
