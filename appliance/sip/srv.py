"""SRV records (RFC 2782): in which order the servers of a service are tried.

Those with the smallest priority come first. Among equals chance decides, by their weights; but the chance is
the caller's number, so whoever has the same number sees the same order: all requests of a call, in each
worker, and after a restart (RFC 3263 §4.4 asks that of stateless proxies). Must not know how records are
looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

_BITS = 64


class Srv(NamedTuple):
    """One record; a ``target`` of "" says that there is no such service here."""

    priority: int
    weight: int
    port: int
    target: str


def chance_of(text: str) -> int:
    """A number from a text, the same for the same text and evenly spread over others."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_BITS // 8)
    return int.from_bytes(digest.digest(), "big")


def in_order(records: Iterable[Srv], chance: int) -> list[Srv]:
    """The records in the order in which they are to be tried (RFC 2782, "Usage rules")."""
    # Another order of the same records in the answer must not be another choice. Those without a weight
    # stand first: they are nearly never chosen while there are others.
    left = sorted(records, key=_rank)
    ordered: list[Srv] = []
    while left:
        equals = [each for each in left if each.priority == left[0].priority]
        chosen, chance = _chosen(equals, chance)
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


def _rank(record: Srv) -> tuple[int, int, str, int]:
    return record.priority, record.weight, record.target, record.port


def _chosen(equals: list[Srv], chance: int) -> tuple[Srv, int]:
    """One of records with the same priority, and the chance that is left for the next choice."""
    if len(equals) == 1:
        return equals[0], chance
    total = sum(each.weight for each in equals)
    # Without weights all are alike; else RFC 2782 draws from 0 to the sum, both included.
    drawn = chance % (total + 1) if total else chance % len(equals)
    chance = chance_of(str(chance))
    if not total:
        return equals[drawn], chance
    running = 0
    for each in equals:
        running += each.weight
        if running >= drawn:
            return each, chance
    return equals[-1], chance
