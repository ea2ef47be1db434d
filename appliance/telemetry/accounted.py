"""What is told of an accounted request: the proxy fills it in when the request has its final response, the
storage makes rows of it. Must not know either of them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Accounted(NamedTuple):
    """An INVITE that began a call, or a BYE that ended one, with its final response.

    ``dialog`` is the same for the INVITE that was answered and for its BYE, from whichever side it came, and
    in every process that sees either. ``began`` is when the request came, ``ended`` when it had its response,
    both UTC seconds. ``result`` is "" for a BYE. ``account`` is who is charged, because he has proved who he
    is; "" when nobody has.
    """

    dialog: str
    method: str
    cseq: int
    from_tag: str
    to_tag: str
    call_id: str
    status: int
    reason: str
    began: float
    ended: float
    src_user: str
    src_domain: str
    src_ip: str
    dst_ouser: str
    dst_user: str
    dst_domain: str
    result: str
    missed: bool
    account: str


class Ledger(Protocol):
    """Who keeps what is accounted."""

    def put(self, accounted: Accounted) -> None:
        """Keep it; returns at once, and never raises."""
