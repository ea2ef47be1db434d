"""A start that is refused, under systemd: its status has the reason, and the next try comes after a while.

systemd tries again without end, because a limit would close the sockets for good. A wrong setting does not
get better by being read five times a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.errors import SipboxError

_PAUSE_SECONDS = 2.0


@contextmanager
def told_to_systemd() -> Iterator[None]:
    """Tells why the process cannot be, waits, and lets the error go on; without systemd it only does that."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    try:
        yield
    except SipboxError as error:
        if address:
            from appliance.supervision.notify import Notifier

            told = Notifier(address)
            told.status(f"cannot start: {error}")
            told.close()
            time.sleep(_PAUSE_SECONDS)
        raise
