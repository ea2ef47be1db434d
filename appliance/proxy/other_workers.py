"""The other workers, as far as the proxy has to know them: processes on the same addresses.

What belongs to another worker is handed over to it as it came, and its answer leaves by its own sockets,
which have the same address. Where there is one worker there are no others. Must not know how they are
reached.
"""

from __future__ import annotations

from typing import Protocol

from appliance.sip.hop import Hop


class OtherWorkers(Protocol):
    """The living ones of the other workers."""

    def has_issued(self, worker: int, boot: int) -> bool:
        """Whether a nonce of that worker and boot can be judged: it is another one, and lives."""

    def hand_over(self, worker: int, data: bytes, hop: Hop) -> bool:
        """Gives a request to that worker, who answers it; False when it does not take it."""

    def find_invite(self, data: bytes, hop: Hop) -> bool:
        """Gives a CANCEL or ACK to whoever has its INVITE; False when nobody has. Waits a moment."""

    def hung_up(self, call_id: str) -> None:
        """A call that one of them may have counted is over."""

    def hear(self) -> None:
        """Takes in what they have told of bindings and not been heard yet."""

    @property
    def behind(self) -> bool:
        """Whether we may have missed something that they told: then a row that is not here is looked for."""
