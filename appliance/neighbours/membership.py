"""The boxes of one telephone system: which of them are heard of, who holds the address, what does not agree.

Each says once a second how it is (``frames.Card``), so every box knows all of them, and nobody is asked.
Whether a box may hold the shared address is said here too, to whoever gives it away (keepalived). Must not
know sockets, nor SIP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from appliance.neighbours.frames import Card
from appliance.neighbours.replication import Replication


class Fitness(NamedTuple):
    """Whether a box may hold the address: ``must_not`` says why never, ``better_not`` why another one should.
    "" where there is no reason."""

    must_not: str = ""
    better_not: str = ""


def fitness(*, loading: bool, room: int, database: bool, quorum: str, alone: bool) -> Fitness:
    """``room`` is what is free on the disk, in bytes; ``quorum`` as in ``Card``; ``alone``: no other member
    is heard of.

    A box that has lost the others and the majority of the database may be the one that is cut off: another
    one holds the address then, or will, and two that both accept would disagree.
    """
    if quorum == "no" and alone:
        return Fitness("it may be cut off: it hears no other box, and its database has no majority")
    if loading:
        return Fitness("", "the location table has not been read yet")
    if room < LEAST_ROOM:
        return Fitness("", "the disk is full")
    if quorum == "no":
        return Fitness("", "its database has no majority")
    if not database:
        return Fitness("", "its database does not answer")
    return Fitness()


#: With less on the disk, in bytes, neither the database nor the spool takes anything.
LEAST_ROOM = 4 << 20


class Membership:
    """``members`` are all boxes by name with their addresses, ``own`` is this one's name; ``card()`` says how
    it is."""

    def __init__(
        self, members: Mapping[str, str], own: str, shared: str, card: Callable[[], Card], nodes: Replication
    ) -> None:
        self._addresses = dict(members)
        self._own = own
        self._shared = shared
        self._card = card
        self._nodes = nodes
        self._addresses.setdefault(own, "")

    @property
    def leads(self) -> bool:
        """Whether this worker hears the others."""
        return self._nodes.leads

    @property
    def alone(self) -> bool:
        """Whether no other box is heard of. A worker that does not hear them cannot say so."""
        return self._nodes.leads and not any(self._nodes.states.values())

    def states(self) -> dict[str, str]:
        """Each box by its name: ``this``, ``alive``, ``silent`` (it was heard of), ``never``."""
        heard = self._nodes.states
        found = {}
        for name in (*self._addresses, *(name for name in heard if name not in self._addresses)):
            if name == self._own:
                found[name] = "this"
            elif name not in heard:
                found[name] = "never"
            else:
                found[name] = "alive" if heard[name] else "silent"
        return found

    def cards(self) -> dict[str, Card]:
        """What the boxes say of themselves, this one first."""
        return {self._own: self._card(), **self._nodes.cards}

    def holders(self) -> list[str]:
        """Who says that he holds the shared address."""
        return [name for name, card in self.cards().items() if card.holds]

    def differences(self) -> list[str]:
        """What is not the same on all boxes: ``version``, ``settings``."""
        cards = self.cards().values()
        return [
            what
            for what, values in (
                ("version", {card.version for card in cards}),
                ("settings", {card.settings for card in cards}),
            )
            if len(values) > 1
        ]

    def counts(self) -> Counter[str]:
        """How many boxes there are, by their state; nothing where another worker knows it."""
        if not self.leads:
            return Counter()
        return Counter("alive" if state == "this" else state for state in self.states().values())

    def describe(self) -> dict[str, Any]:
        """All of it as plain values."""
        cards = self.cards()
        return {
            "shared_address": self._shared,
            "holders": self.holders(),
            "differences": self.differences(),
            "members": [
                {
                    "name": name,
                    "address": self._addresses.get(name, ""),
                    "state": state,
                    **({} if name not in cards else _plain(cards[name])),
                }
                for name, state in self.states().items()
            ],
        }


def _plain(card: Card) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__struct_fields__}
