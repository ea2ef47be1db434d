"""What a worker does for the others when they ask; the server says what each means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from appliance.sip.hop import Hop


class Duties(NamedTuple):
    """What this worker does for the others; ``boot()`` names its nonces. None of it waits."""

    take_response: Callable[[bytes, Hop], object]
    take_request: Callable[[bytes, Hop], object]
    has_invite: Callable[[bytes, Hop], bool]
    send_by_connection: Callable[[bytes, Hop], object]
    connections: Callable[[], list[Hop]]
    connection_lost: Callable[[Hop], object]
    hung_up: Callable[[str], object]
    guessed: Callable[[Mapping[str, int]], object]
    boot: Callable[[], int]
