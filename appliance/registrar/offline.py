"""A message for somebody who was away when it came (the table ``silo``): a value between those who keep it
(``storage``) and those who take it in and send it on (``proxy``)."""

from __future__ import annotations

from typing import NamedTuple

LONGEST_ADDRESS = 255
LONGEST_TYPE = 64


class OfflineMessage(NamedTuple):
    """``source`` and ``destination`` are the URIs of From and To; ``came`` and ``expires`` are UTC seconds.
    ``number`` names it where it is kept, 0 until then."""

    source: str
    destination: str
    content_type: str
    body: bytes
    came: int
    expires: int
    number: int = 0
