"""What the four state machines of RFC 3261 §17 share: the names of states and events, and their deadlines.

A machine is a table: state, event, then the next state and what is done. Each of the four files of
machines begins with its table. An event for which a state has no row is ignored there. The names of what
is done are methods of the machine's class and are looked up once, when the class is made.

Each transaction is on the wheel of timers at most once. It has two deadlines, ``resend_at`` for the next
copy and ``expire_at`` for the end of the state, and when it is woken it looks at which one has come. A
deadline that moved away costs nothing until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from appliance.sip.hop import Hop
from appliance.transaction.matching import Key
from appliance.transaction.timers import NEVER, Sleeper, Timers, TimerWheel

# States.
CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
UNSENT: Final = "unsent"
ACCEPTED: Final = "accepted"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
TERMINATED: Final = "terminated"

# Events. The last two are the timers': "the next copy is due" (A, E, G), "this state is over" (all others).
REQUEST: Final = "request again"
ACK: Final = "ack"
CANCEL: Final = "cancel"
PROVISIONAL: Final = "1xx"
SUCCESS: Final = "2xx"
FAILURE: Final = "3xx-6xx"
SILENCE: Final = "408"
TRANSPORT_ERROR: Final = "transport error"
RESEND: Final = "resend"
EXPIRY: Final = "expiry"

# The event of a response by its status; what is none at all (99, 700) has no event.
EVENT_OF_STATUS: Final[Mapping[int, str]] = {
    status: PROVISIONAL if status < 200 else SUCCESS if status < 300 else FAILURE
    for status in range(100, 700)
}

Table = Mapping[str, Mapping[str, tuple[str, str]]]
Action = Callable[..., None]


class Home(Protocol):
    """What a transaction needs of the table in which it stands."""

    wheel: TimerWheel
    send: Callable[[bytes, Hop], None]
    retransmissions: dict[tuple[str, str], int]
    transport_errors: dict[str, int]
    timeouts: dict[str, int]
    finished: Callable[[tuple[str, str], float], None]

    def send_cancel(self, invite: Any, headers: Sequence[tuple[str, str]], now: float) -> None:
        """Sends the CANCEL of a client transaction as a transaction of its own."""


class Remains(NamedTuple):
    """How far a transaction has come, for the process that goes on with it after a restart.

    ``interval`` is its last pause between two copies; the deadlines are seconds from when this was written.
    """

    state: str
    interval: float
    resend_in: float
    expire_in: float


class Transaction(Sleeper):
    """One request and its answers between us and one neighbour.

    ``home`` is the table in which it stands and ``shelf`` the dictionary there that holds it as ``key``;
    ``state`` is one of the names above. ``began`` is when its request came or was sent, 0 when another
    process knew that.
    """

    __slots__ = (
        "began",
        "expire_at",
        "home",
        "hop",
        "interval",
        "key",
        "resend_at",
        "shelf",
        "state",
        "timers",
    )

    table: ClassVar[Table]
    rows: ClassVar[dict[str, dict[str, tuple[str, Action]]]]

    home: Home
    shelf: dict[Any, Any]
    key: Key
    hop: Hop
    timers: Timers
    state: str
    began: float
    resend_at: float
    expire_at: float
    interval: float

    def __init_subclass__(cls) -> None:
        """Turns the names in the class's table into its methods."""
        super().__init_subclass__()
        if "table" in vars(cls):
            cls.rows = {
                state: {event: (after, getattr(cls, action)) for event, (after, action) in row.items()}
                for state, row in cls.table.items()
            }

    @property
    def method(self) -> str:
        """The request's method; known also when the request itself is gone."""
        raise NotImplementedError

    def happen(self, event: str, now: float) -> bool:
        """Takes one step of the table; False when the state has no row for ``event``."""
        row = self.rows[self.state].get(event)
        if row is None:
            return False
        self.state, action = row
        action(self, now)
        return True

    def wake(self, now: float) -> None:
        """The wheel's call: handles the deadline that has come, and sleeps until the next."""
        try:
            if now >= self.expire_at:
                self.happen(EXPIRY, now)
            elif now >= self.resend_at:
                self.happen(RESEND, now)
        finally:
            # Also when the user, or whoever sends, has made a mistake: the transaction ends all the same.
            self.sleep()

    def sleep(self) -> None:
        """Goes to sleep until the next deadline, when there is one."""
        # min() would be a call, on the path of every message.
        deadline = self.resend_at if self.resend_at < self.expire_at else self.expire_at  # noqa: FURB136
        if deadline != NEVER:
            self.home.wheel.enter(self, deadline)

    def linger(self, seconds: float, now: float) -> None:
        """Sends nothing more by itself; stays ``seconds`` longer for what may still come, or ends at once."""
        self.resend_at = NEVER
        if seconds:
            self.expire_at = now + seconds
            self.sleep()
        else:
            self.end(now)

    def back_off(self, interval: float, now: float) -> None:
        """Sets the next copy: ``interval`` after this one was due, so that lateness does not add up."""
        self.interval = interval
        after = self.resend_at + interval
        self.resend_at = after if after > now else now + interval

    def ignore(self, _now: float) -> None:
        """Nothing is to be done: a copy is absorbed."""

    @property
    def shelved(self) -> bool:
        """Whether it stands in its table still."""
        return self.state != TERMINATED

    def remains(self, now: float) -> Remains:
        """What another process has to know to go on from here."""
        return Remains(self.state, self.interval, self.resend_at - now, self.expire_at - now)

    def go_on(self, remains: Remains, then: float, soon: float) -> None:
        """Takes up where one stopped at ``then``. What has become due is done at ``soon`` and no earlier: an
        answer may have come meanwhile, and is heard first."""
        self.state = remains.state
        self.interval = remains.interval
        self.resend_at = max(then + remains.resend_in, soon)
        self.expire_at = max(then + remains.expire_in, soon)
        self.sleep()

    def end(self, _now: float) -> None:
        """Leaves the table and the wheel; nothing of the transaction stays behind."""
        self.state = TERMINATED
        self.resend_at = self.expire_at = NEVER
        if self.slot:
            self.home.wheel.remove(self)
        if self.shelf.get(self.key) is self:
            del self.shelf[self.key]
