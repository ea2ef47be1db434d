"""What workers say to one another: values, and their bytes (MessagePack).

Times are monotonic seconds, which are the same for all processes of a machine, but for ``modified``, which is
wall time. Bindings travel as notes (``registrar.binding_note``). Must not know sockets.
"""

from __future__ import annotations

from typing import Any

from msgspec import DecodeError, Struct, msgpack

from appliance.sip.hop import Hop


class Frame(Struct, array_like=True, tag=True, frozen=True):
    """One thing that is said."""


class Alive(Frame, frozen=True):
    """Said once a second. ``boot`` names the nonces of this process, which the next one may go on with;
    ``process`` is no other's; ``told`` is the number of its last news."""

    process: int
    boot: int
    told: int


class News(Frame, frozen=True):
    """Changes that all workers have to know. ``gone`` are bindings by (ruid, wall time of the removal)."""

    process: int
    number: int
    when: float
    bindings: list[list[Any]]
    gone: list[tuple[str, float]]
    opened: list[Hop]
    closed: list[Hop]


class Heard(Frame, frozen=True):
    """All news up to this number are known here."""

    number: int


class Open(Frame, frozen=True):
    """Connections that the sender has; ``first``: forget what you knew of them, ``ask``: tell me yours."""

    hops: list[Hop]
    first: bool
    ask: bool


class Response(Frame, frozen=True):
    """A response that came to the wrong worker, as it came."""

    data: bytes
    hop: Hop


class Request(Frame, frozen=True):
    """A request that is the other's to answer, as it came."""

    data: bytes
    hop: Hop


class Find(Frame, frozen=True):
    """Who has the INVITE of this CANCEL or ACK shall take it."""

    query: int
    data: bytes
    hop: Hop


class Found(Frame, frozen=True):
    """The answer to ``Find``."""

    query: int
    here: bool


class Send(Frame, frozen=True):
    """Send this by your connection."""

    data: bytes
    hop: Hop


class HungUp(Frame, frozen=True):
    """A BYE of a call that the sender does not know has passed."""

    call_id: bytes


class Guessed(Frame, frozen=True):
    """Wrong passwords at the sender, or at another box, by user."""

    counts: dict[str, int]


Any_ = Alive | News | Heard | Open | Response | Request | Find | Found | Send | HungUp | Guessed

_encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(tuple[int, Any_]).decode


def encode(worker: int, frame: Any_) -> bytes:
    """The bytes of what ``worker`` says."""
    return _encode((worker, frame))


def decode(data: bytes) -> tuple[int, Any_] | None:
    """Who says what; None for bytes that another version has sent."""
    try:
        return _decode(data)
    except DecodeError:
        return None
