"""Which node a call belongs to: the same one for everybody who knows its Call-ID and the list of nodes.

Rendezvous hashing: each node gets a number for each call, and the highest wins. So all workers, and the
process after a restart, agree without a word; a node that is away moves its own calls only. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def in_order(call_id: str, nodes: Sequence[str]) -> list[str]:
    """The names of the nodes in the order in which they are asked for this call, its own one first."""
    if len(nodes) == 1:
        return [nodes[0]]
    text = call_id.encode("utf-8", "surrogateescape")

    def weight(name: str) -> bytes:
        return hashlib.blake2b(text, digest_size=8, key=name.encode()[:64], person=b"media-node").digest()

    return sorted(nodes, key=weight, reverse=True)
