"""What nodes say to one another: values, and their bytes (MessagePack).

Times are wall seconds, which the clocks of all nodes have to agree on. Bindings travel as notes
(``registrar.binding_note``) whose deadline is wall seconds too. Must not know sockets, nor signatures.
"""

from __future__ import annotations

from typing import Any

from msgspec import DecodeError, Struct, msgpack


class Frame(Struct, array_like=True, tag=True, frozen=True):
    """One thing that is said."""


class Card(Struct, array_like=True, frozen=True):
    """How a box is, for the others of its cluster.

    ``settings`` is a digest of what has to be the same on all, ``holds`` whether it has the shared address,
    ``unfit`` why it must not have it ("": it may). ``quorum`` is "yes", "no", or "" where its database has
    none.
    """

    version: str = ""
    settings: str = ""
    holds: bool = False
    unfit: str = ""
    bindings: int = 0
    database: bool = True
    quorum: str = ""


#: A ban: the source, since and until when, for which time, why; of one that was lifted both times are when.
BanRow = tuple[str, float, float, int, str]


class Alive(Frame, frozen=True):
    """Said to all once a second, and more often when there is much to say. ``told`` is the number of the last
    news; older versions have no ``card``, and do not hear of ``bans`` and of ``guesses``, wrong passwords by
    user."""

    told: int
    card: Card | None = None
    bans: list[BanRow] = []
    guesses: dict[str, int] = {}


class News(Frame, frozen=True):
    """Changes, by a number that counts up from 1. ``gone`` are bindings by (ruid, time of the removal)."""

    number: int
    bindings: list[list[Any]]
    gone: list[tuple[str, float]]


class Want(Frame, frozen=True):
    """Say these news again."""

    numbers: list[int]


class Ask(Frame, frozen=True):
    """Tell me of all bindings that are yours, or say these ``parts`` of that answer again."""

    query: int
    parts: list[int] = []


class State(Frame, frozen=True):
    """One part of the answer to ``Ask``, by a number that counts up from 1."""

    query: int
    number: int
    bindings: list[list[Any]]


class Whole(Frame, frozen=True):
    """The answer to ``Ask`` had so many parts, and news up to ``told`` are in it."""

    query: int
    parts: int
    told: int


Any_ = Alive | News | Want | Ask | State | Whole


class Envelope(Struct, array_like=True, frozen=True):
    """What is signed: who says it, in which life, the how-manieth packet of that life, when, and where a call
    for his phones goes (``HOST:PORT``)."""

    node: str
    life: int
    number: int
    when: float
    sip: str
    frame: Any_


_encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(Envelope).decode


def encode(envelope: Envelope) -> bytes:
    """Its bytes."""
    return _encode(envelope)


def decode(data: bytes) -> Envelope | None:
    """The envelope again; None for bytes that another version has made."""
    try:
        return _decode(data)
    except DecodeError:
        return None
