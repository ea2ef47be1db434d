"""The other workers put together: what is handed over, what is told, who lives.

The proxy sees it as its ``OtherWorkers``, the registrar as its ``Others``; the server hands in what a message
means. Nothing here ever waits for a worker that hangs: what cannot be said to it is dropped, and counted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from time import monotonic, time

import gevent

from appliance.errors import SettingsError
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.workers import frames
from appliance.workers.duties import Duties
from appliance.workers.frames import (
    Alive,
    Any_,
    Find,
    Found,
    Guessed,
    Heard,
    HungUp,
    News,
    Open,
    Request,
    Response,
    Send,
)
from appliance.workers.invite_search import InviteSearch
from appliance.workers.link import Link
from appliance.workers.living import Living
from appliance.workers.shared_bindings import Hearing, Telling
from appliance.workers.shared_flows import SharedFlows, all_told
from appliance.workers.told import Told

_EVERY_SECONDS = 1.0
# How long a start waits for others to tell of their connections.
_MEET_SECONDS = 0.3
# Users in one packet whose passwords were guessed at.
_USERS_IN_ONE = 100


class OtherWorkers:
    """The other workers of ``worker``. ``places`` are where each listens, by number.

    ``say(level, message)`` tells the administrator.
    """

    def __init__(self, worker: int, places: Mapping[int, str], say: Callable[[str, str], object]) -> None:
        self.worker = worker
        self.flows = SharedFlows()
        self.telling = Telling(secrets.randbits(48), self._say_news, monotonic, time)
        self._say = say
        others = {number: place for number, place in places.items() if number != worker}
        self._place = places[worker]
        self._told = Told(Path(self._place).with_name("told"), worker)
        self._link = Link(self._place, others, self._hear, self._lost)
        self._living = Living(worker, monotonic)
        self.has_issued = self._living.has_issued
        self._search = InviteSearch()
        self._later: list[tuple[int, Any_]] = []
        self._acquainted: set[int] = set()  # who has told of its connections
        self._hearing: Hearing | None = None
        self._duties: Duties | None = None
        self._ticking: gevent.Greenlet[[], None] | None = None
        self.handed: dict[str, int] = {"response": 0, "request": 0}

    # -- life ------------------------------------------------------------------------------------------------

    def listen(self, hearing: Hearing, duties: Duties) -> None:
        """From now on nothing that is told is missed; waits a moment for those who are there to tell of their
        connections. Raises SettingsError.

        The bindings are to be read afterwards: they say by which connection a phone is reached.
        """
        self._hearing, self._duties = hearing, duties
        try:
            self._link.listen()
            self._told.open()
        except OSError as error:
            problem = f"{error.filename or self._place} cannot be made: {error.strerror or error}"
            raise SettingsError(problem, path="sip.control") from None
        self._told.tells(self.telling.process, self.telling.number)
        self._link.start()
        asked = {worker for worker in self._link.workers if self._send(worker, Open([], False, True))}
        patience = monotonic() + _MEET_SECONDS
        while not asked <= self._acquainted and monotonic() < patience:
            gevent.sleep(0.005)

    def start(self) -> None:
        """Says that we live, and what is ours is handed over to us from now on."""
        self._ticking = gevent.spawn(self._tick)

    def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.kill()
        self._link.stop()
        self._told.close()

    @property
    def living(self) -> list[int]:
        """The numbers of those that live, this one too."""
        return self._living.numbers

    @property
    def leads(self) -> bool:
        """Whether this is the one that does what one of all has to do."""
        return self._living.numbers[0] == self.worker

    @property
    def dropped(self) -> int:
        return self._link.dropped

    # -- what the proxy asks ---------------------------------------------------------------------------------

    def hand_over(self, worker: int, data: bytes, hop: Hop) -> bool:
        taken = self._living.lives(worker) and self._send(worker, Request(data, hop))
        self.handed["request"] += taken
        return taken

    def hand_over_response(self, worker: int, data: bytes, hop: Hop) -> bool:
        """Gives a response to the worker that has sent its request; False when it does not take it."""
        taken = (
            worker != self.worker and self._living.lives(worker) and self._send(worker, Response(data, hop))
        )
        self.handed["response"] += taken
        return taken

    def find_invite(self, data: bytes, hop: Hop) -> bool:
        living = filter(self._living.lives, self._link.workers)
        return self._search.find(living, lambda worker, query: self._send(worker, Find(query, data, hop)))

    def hung_up(self, call_id: str) -> None:
        frame = HungUp(call_id.encode("utf-8", "surrogateescape"))
        for worker in self._link.workers:
            self._send(worker, frame)

    def guessed(self, counts: Mapping[str, int]) -> None:
        """Passwords were wrong here, or at another box: so often, by user."""
        for first in range(0, len(counts), _USERS_IN_ONE):
            part = dict(islice(counts.items(), first, first + _USERS_IN_ONE))
            for worker in self._link.workers:
                self._send(worker, Guessed(part))

    def hear(self) -> None:
        told, hearing = self._told, self._hearing
        assert hearing is not None  # noqa: S101 - 'listen' comes before anybody looks something up
        for worker in self._link.workers:
            if not told.last_is(worker, hearing.last(worker)):
                self._link.drain()
                return

    @property
    def behind(self) -> bool:
        return self._hearing is not None and self._hearing.behind

    # -- what the others are told ----------------------------------------------------------------------------

    def changed(self, changes: Mapping[str, Binding | None], then: Callable[[], None]) -> None:
        """Bindings were written; ``then()`` when all workers know of them, or have had the time."""
        self.telling.changed(changes, then)

    def connection(self, opened: bool, hop: Hop) -> None:
        """One of our connections has begun or ended."""
        self.telling.flows([hop] if opened else [], [] if opened else [hop])

    def send_by_owner(self, data: bytes, hop: Hop) -> bool:
        """Sends by the worker that has the connection; False when nobody has it."""
        owner = self.flows.find(hop)
        return owner is not None and self._send(owner[0], Send(data, owner[1]))

    # -- what the others say ---------------------------------------------------------------------------------

    def _hear(self, packet: bytes) -> None:
        said = frames.decode(packet)
        if said is None:
            if self._hearing is not None:
                self._hearing.missed()  # another version, while the workers are restarted one by one
            return
        worker, frame = said
        if isinstance(frame, News):
            # At once, whoever listens: a lookup is waiting for it, perhaps.
            self._hear_news(worker, frame)
        elif isinstance(frame, Heard):
            self.telling.heard(worker, frame.number)
        else:
            if not self._later:
                gevent.get_hub().loop.run_callback(self._do_later)
            self._later.append(said)

    def _hear_news(self, worker: int, news: News) -> None:
        assert self._hearing is not None  # noqa: S101 - 'listen' comes before 'start'
        complete = self._hearing.hears(worker, news)
        self.flows.opened(worker, news.opened)
        if news.closed:
            self._connections_lost(self.flows.closed(worker, news.closed))
        if news.bindings or news.gone:
            self._send(worker, Heard(news.number))
        if not complete:
            self._missed(worker)

    def _do_later(self) -> None:
        later, self._later = self._later, []
        for worker, frame in later:
            try:
                self._handle(worker, frame)
            except Exception as error:  # noqa: BLE001 - told; what one worker says must not stop the others
                self._say("error", f"what worker {worker} said could not be handled: {error!r}")

    def _handle(self, worker: int, frame: Any_) -> None:
        duties = self._duties
        assert duties is not None  # noqa: S101 - as above
        if isinstance(frame, Response):
            duties.take_response(frame.data, frame.hop)
        elif isinstance(frame, Send):
            duties.send_by_connection(frame.data, frame.hop)
        elif isinstance(frame, Request):
            duties.take_request(frame.data, frame.hop)
        elif isinstance(frame, Find):
            here = duties.has_invite(frame.data, frame.hop)
            self._send(worker, Found(frame.query, here))
            if here:
                duties.take_request(frame.data, frame.hop)
        elif isinstance(frame, Found):
            self._search.answered(worker, frame.query, here=frame.here)
        elif isinstance(frame, Alive):
            self._met(worker, frame)
        elif isinstance(frame, HungUp):
            duties.hung_up(frame.call_id.decode("utf-8", "surrogateescape"))
        elif isinstance(frame, Guessed):
            duties.guessed(frame.counts)
        elif isinstance(frame, Open):
            self._take_flows(worker, frame)

    def _met(self, worker: int, frame: Alive) -> None:
        assert self._hearing is not None  # noqa: S101 - as above
        new = self._living.says_so(worker, frame.process, frame.boot)
        if new:
            self._send(worker, self._alive())
            self._send_flows(worker, ask=True)
        if not self._hearing.meets(worker, frame.process, frame.told) and not new:
            self._missed(worker)

    def _missed(self, worker: int) -> None:
        self._say("warning", f"some of what worker {worker} told was missed: the bindings are read again")
        self._send_flows(worker, ask=True)

    def _send_flows(self, worker: int, *, ask: bool) -> None:
        assert self._duties is not None  # noqa: S101 - as above
        for frame in all_told(self._duties.connections(), ask=ask):
            self._send(worker, frame)

    def _take_flows(self, worker: int, frame: Open) -> None:
        if frame.first:
            self.flows.closed(worker, self.flows.all_of(worker))
        self.flows.opened(worker, frame.hops)
        self._acquainted.add(worker)
        if frame.ask:
            self._send_flows(worker, ask=False)

    def _lost(self, worker: int) -> None:
        """Its process has ended, or never was."""
        self._living.lost(worker)
        self.telling.lost(worker)
        self._search.lost(worker)
        self._connections_lost(self.flows.closed(worker, self.flows.all_of(worker)))

    def _connections_lost(self, hops: Iterable[Hop]) -> None:
        """Later: whoever is told may send, and this may be in the middle of sending."""
        if self._duties is not None:
            for hop in hops:
                gevent.get_hub().loop.run_callback(self._duties.connection_lost, hop)

    # -- saying ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        while True:
            for worker in self._link.workers:
                self._send(worker, self._alive())
            gevent.sleep(_EVERY_SECONDS)

    def _alive(self) -> Alive:
        assert self._duties is not None  # noqa: S101 - as above
        return Alive(self.telling.process, self._duties.boot(), self.telling.number)

    def _send(self, worker: int, frame: Any_) -> bool:
        return self._link.send(worker, frames.encode(self.worker, frame))

    def _say_news(self, news: News) -> Iterable[int]:
        self._told.tells(news.process, news.number)
        packet = frames.encode(self.worker, news)
        return [worker for worker in self._link.workers if self._link.send(worker, packet)]
