"""Replication put together: this node tells its neighbours of its bindings, and takes theirs in.

With several workers, the one that leads speaks and listens for the box: what the others write it hears from
them, and what neighbours tell it passes on to them. Packets go to all at once, by multicast or one to each
neighbour; what only one has asked for goes to that one. Nobody waits for a neighbour: a 200 OK means that the
binding is durable here, and the others know of it a moment later. Must not know sockets, nor SIP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from appliance.neighbours.frames import Alive, Any_, Ask, Card, Envelope, News, State, Want
from appliance.neighbours.neighbour import AWAY_SECONDS, Address, Neighbour
from appliance.neighbours.outbox import Answer, Outbox
from appliance.neighbours.replicas import Changes, Replicas
from appliance.neighbours.seal import REASONS, Opener, Refused, Sealer
from appliance.neighbours.strangers import Said, Strangers
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations

#: How often ``tick`` is to be called, and how often we say that we live.
TICK_SECONDS: Final = 0.05
_ALIVE_SECONDS: Final = 1.0
_TIDY_SECONDS: Final = 60.0
#: Packets of an answer in one tick: 1000 in a second, with 4 bindings each.
_ANSWER_AT_ONCE: Final = 50
#: For so long after the last of it was said, parts of an answer can be asked for again.
_ANSWER_KEPT_SECONDS: Final = 60.0
#: A neighbour whose address we have been given is away when nothing was heard of it for so long.
_SUCCEEDED_SECONDS: Final = 1.5
#: A neighbour that is away for so long is forgotten.
_FORGET_SECONDS: Final = 3600.0


class Workers(Protocol):
    """The other workers of this box."""

    @property
    def leads(self) -> bool: ...
    @property
    def living(self) -> list[int]: ...
    def changed(self, changes: Mapping[str, Binding | None], then: Callable[[], None]) -> None: ...


class Replication:
    """Tells and hears. ``send(packet, address)`` sends to all when ``address`` is None; ``say(level,
    message)`` tells the administrator. ``clock`` is monotonic seconds, ``wall`` seconds since 1970.
    """

    def __init__(
        self,
        sealer: Sealer,
        opener: Opener,
        send: Callable[[bytes, Address | None], None],
        say: Callable[[str, str], object],
        clock: Callable[[], float],
        wall: Callable[[], float],
        workers: Workers | None = None,
    ) -> None:
        self._sealer, self._opener = sealer, opener
        self._send_packet = send
        self._say = say
        self._clock, self._wall = clock, wall
        self._workers = workers
        self._outbox = Outbox()
        self._replicas: Replicas | None = None
        self._locations: Locations | None = None
        self._neighbours: dict[str, Neighbour] = {}
        self._answers: dict[Address, Answer] = {}
        self._alive_at = self._tidy_at = 0.0
        self._led = False
        self._living: list[int] = []
        self._card: Callable[[], Card] | None = None
        self._strangers: Strangers | None = None
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.refused: Counter[str] = Counter(dict.fromkeys(REASONS, 0))

    def begin(self, locations: Locations, replicas: Replicas) -> None:
        """From now on there is something to be told of. To be called before anything is received."""
        self._locations, self._replicas = locations, replicas

    def introduce(self, card: Callable[[], Card]) -> None:
        """From now on the others are told how this box is."""
        self._card = card

    def watch(self, strangers: Strangers) -> None:
        """From now on the others are told of strangers too, and are heard."""
        self._strangers = strangers

    def guessed(self, counts: Mapping[str, int]) -> None:
        """Wrong passwords at this box, by user, if this worker speaks for it."""
        if self._strangers is not None and self.leads:
            self._strangers.guessed(counts)

    def succeeds(self) -> None:
        """This box has been given the address of another, which is away sooner than others, unless it is
        heard."""
        for neighbour in self._neighbours.values():
            if neighbour.card is not None and neighbour.card.holds:
                neighbour.patience = _SUCCEEDED_SECONDS

    # -- who looks -------------------------------------------------------------------------------------------

    @property
    def states(self) -> dict[str, bool]:
        """The neighbours by name: whether each is heard of."""
        return {name: not each.away for name, each in sorted(self._neighbours.items())}

    @property
    def cards(self) -> dict[str, Card]:
        """What the neighbours that are heard of say of themselves."""
        return {
            name: each.card
            for name, each in self._neighbours.items()
            if each.card is not None and not each.away
        }

    @property
    def lags(self) -> dict[str, float]:
        """For how many seconds we are behind each neighbour that is heard of."""
        now = self._clock()
        return {name: each.lag(now) for name, each in sorted(self._neighbours.items()) if not each.away}

    @property
    def bindings(self) -> int:
        """How many bindings other nodes have told."""
        return self._replicas.count() if self._replicas is not None and self.leads else 0

    @property
    def leads(self) -> bool:
        """Whether this worker speaks for the box."""
        return self._workers is None or self._workers.leads

    @property
    def complete(self) -> bool:
        """Whether all that the living neighbours have told is known here."""
        return all(each.complete for each in self._neighbours.values() if not each.away)

    # -- what is told ----------------------------------------------------------------------------------------

    def changed(self, changes: Mapping[str, Binding | None], then: Callable[[], None]) -> None:
        """Bindings were written here; ``then()`` when those who wait may know (``GroupCommit``)."""
        self.tell(changes)
        if self._workers is None:
            then()
        else:
            self._workers.changed(changes, then)

    def tell(self, changes: Mapping[str, Binding | None]) -> None:
        """Tells the neighbours what this box has changed, if this worker speaks for it."""
        replicas = self._replicas
        if replicas is None or not (self._led and self.leads):
            return  # whoever begins to lead tells everything, as soon as he is asked
        wall = self._wall()
        for ruid, binding in changes.items():
            if binding is not None:
                replicas.wrote(ruid)
        puts = [binding for binding in changes.values() if binding is not None and replicas.is_ours(binding)]
        gone = [(ruid, wall) for ruid, binding in changes.items() if binding is None]
        for ruid, _ in gone:
            replicas.took_away(ruid)
        for news in self._outbox.news(puts, gone, wall - self._clock()):
            self._send(news)

    def overheard(self, puts: Sequence[Binding], gone: Sequence[str]) -> None:
        """Another worker has told of these."""
        self.tell({**dict.fromkeys(gone), **{binding.ruid: binding for binding in puts}})

    def ask_again(self) -> None:
        """Memory may have lost what neighbours have told."""
        for neighbour in self._neighbours.values():
            neighbour.ask_again()

    # -- time ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """To be called every ``TICK_SECONDS``."""
        if not self.leads:
            self._led = False
            self._neighbours.clear()
            self._answers.clear()
            return
        now = self._clock()
        if not self._led:
            self._led = True
            # Later than that of whoever has led before, so that neighbours believe it.
            life = int(self._wall() * 1_000_000)
            self._sealer.begin(life)
            self._opener.begin(life)
        if now - self._alive_at >= _ALIVE_SECONDS:
            self._alive_at = now
            self._say_alive()
            self._meet_workers()
        for neighbour in list(self._neighbours.values()):
            self._look_after(neighbour, now)
        self._answer()
        if now - self._tidy_at >= _TIDY_SECONDS and self._replicas is not None:
            self._tidy_at = now
            self._replicas.tidy()

    def _say_alive(self) -> None:
        told, card = self._outbox.told, None if self._card is None else self._card()
        said = [] if self._strangers is None else list(self._strangers.says())
        for bans, guesses in said or [Said([], {})]:
            self._send(Alive(told, card, bans, guesses))

    def _look_after(self, neighbour: Neighbour, now: float) -> None:
        silent = now - neighbour.heard_at
        if silent > neighbour.patience:
            if not neighbour.away:
                self._goes(neighbour)
            if silent > _FORGET_SECONDS:
                del self._neighbours[neighbour.name]
            return
        neighbour.lag(now)
        if (frame := neighbour.says(now)) is not None:
            self._send(frame, neighbour.address)

    def _goes(self, neighbour: Neighbour) -> None:
        neighbour.away = True
        self._say("warning", f"nothing is heard of the neighbour {neighbour.name} any more")
        if self._replicas is not None:
            self._pass_on(self._replicas.drop_unreachable(neighbour.name))

    def _answer(self) -> None:
        """The next packets of what somebody has asked for, a share for each who has: who hears nothing for a
        while asks again, and would begin anew. Nobody is told half of it as if that were all: while rows are
        being read nothing is said, and whoever has asked asks again."""
        if self._locations is None or self._locations.loading:
            self._answers.clear()
            return
        now = self._clock()
        for _ in range(_ANSWER_AT_ONCE):
            address = next((each for each, answer in self._answers.items() if not answer.over), None)
            if address is None:
                break
            answer = self._answers.pop(address)
            self._send(answer.next(), address)
            answer.kept_until = now + _ANSWER_KEPT_SECONDS
            self._answers[address] = answer  # behind the others
        for address in [each for each, answer in self._answers.items() if answer.kept_until < now]:
            del self._answers[address]

    def _meet_workers(self) -> None:
        """A worker that has started knows nothing of other nodes yet."""
        workers, replicas = self._workers, self._replicas
        if workers is None or replicas is None:
            return
        living = workers.living
        if set(living) - set(self._living) - {living[0]}:
            workers.changed(replicas.all(), _nothing)
        self._living = living

    # -- what is heard ---------------------------------------------------------------------------------------

    def receive(self, packet: bytes, address: Address) -> None:
        """A packet has come from ``address``; what is not believed is counted, and nothing else."""
        if self._replicas is None or not self.leads:
            return
        try:
            envelope = self._opener.open(packet)
        except Refused as error:
            self._refuse(str(error), address)
            return
        if envelope is None:
            return
        self.received[_kind(envelope.frame)] += 1
        try:
            self._hear(envelope, address)
        except (AttributeError, TypeError, ValueError):
            self._refuse("unreadable", address)

    def _hear(self, envelope: Envelope, address: Address) -> None:
        now, frame, replicas = self._clock(), envelope.frame, self._replicas
        assert replicas is not None  # noqa: S101 - 'receive' has looked
        neighbour = self._met(envelope, address, now)
        if isinstance(frame, News):
            changes = replicas.put(neighbour.name, envelope.sip, frame.bindings)
            changes.update(replicas.drop(frame.gone))
            neighbour.hears(frame.number, now)
            self._pass_on(changes)
        elif isinstance(frame, Alive):
            neighbour.told(frame.told, now)
            neighbour.late = max(self._wall() - envelope.when, 0.0)
            neighbour.card = frame.card
            if self._strangers is not None:
                self._strangers.hear(neighbour.name, frame.bans, frame.guesses)
        elif isinstance(frame, Want):
            for news in self._outbox.again(frame.numbers):
                self._send(news, address)
        elif isinstance(frame, Ask):
            answer = self._answers.get(address)
            if not frame.parts:
                # In place of what it has asked before: it waits for the last answer alone.
                self._answers[address] = self._everything(frame.query)
            elif answer is not None and answer.query == frame.query:
                answer.again(frame.parts)
        elif isinstance(frame, State):
            self._pass_on(replicas.put(neighbour.name, envelope.sip, frame.bindings))
            neighbour.part(frame, now)
        else:
            neighbour.whole(frame, now)
        if neighbour.has_everything(now):
            self._pass_on(replicas.drop_unsaid(neighbour.name, neighbour.asked_since))

    def _met(self, envelope: Envelope, address: Address, now: float) -> Neighbour:
        neighbour = self._neighbours.get(envelope.node)
        if neighbour is None or neighbour.life != envelope.life:
            neighbour = self._neighbours[envelope.node] = Neighbour(
                envelope.node, envelope.life, address, now
            )
            self._comes(neighbour, "there")
        elif neighbour.away:
            neighbour.away = False
            neighbour.ask_again()
            self._comes(neighbour, "back")
        neighbour.heard_at, neighbour.address, neighbour.patience = now, address, AWAY_SECONDS
        return neighbour

    def _comes(self, neighbour: Neighbour, how: str) -> None:
        self._say("info", f"the neighbour {neighbour.name} is {how}")
        if self._strangers is not None:
            self._strangers.met()

    def _everything(self, query: int) -> Answer:
        locations, replicas = self._locations, self._replicas
        assert locations is not None and replicas is not None  # noqa: S101 - 'receive' has looked

        def find(ruid: str) -> Binding | None:
            now = locations.get(ruid)
            return now if now is not None and replicas.is_ours(now) else None

        ours = (now for before in locations if (now := find(before.ruid)) is not None)
        answer = Answer(query, self._outbox.told, ours, find, self._wall() - self._clock())
        answer.kept_until = self._clock() + _ANSWER_KEPT_SECONDS
        return answer

    def _pass_on(self, changes: Changes) -> None:
        if changes and self._workers is not None:
            self._workers.changed(changes, _nothing)

    def _refuse(self, reason: str, address: Address) -> None:
        self.refused[reason] += 1
        self._say("warning", f"a packet from {address[0]} was refused: {_WHY[reason]}")

    def _send(self, frame: Any_, address: Address | None = None) -> None:
        self.sent[_kind(frame)] += 1
        self._send_packet(self._sealer.seal(frame), address)


_WHY = {
    "marker": "it is not one of a neighbour",
    "signature": "it is not signed with our key; all nodes need the same [replication] key_file",
    "clock": "its time is not ours; set the clocks of all nodes by NTP",
    "replayed": "it has come before",
    "name": "it has our own name; give each node its own [replication] node",
    "unreadable": "another version has made it",
}


def _kind(frame: Any_) -> str:
    return type(frame).__name__.lower()


def _nothing() -> None:
    """Nobody waits for what neighbours have told."""
