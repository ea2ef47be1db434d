"""A table of transactions on a bench: time goes by in ticks, what is sent and told is written down."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.invite_client import InviteClientTransaction
from appliance.transaction.invite_server import InviteServerTransaction
from appliance.transaction.server import ServerTransaction
from appliance.transaction.table import TransactionTable
from appliance.transaction.timers import TimerSettings
from tests.unit.transaction.messages import PROXY, UDP, request


class Bench:
    """``sent`` holds (time, first line, hop), ``told`` (time, what): both since the last ``clear``."""

    def __init__(self, settings: TimerSettings | None = None) -> None:
        self.took: list[tuple[tuple[str, str], float]] = []
        self.table = TransactionTable(
            self._send, settings, finished=lambda key, seconds: self.took.append((key, seconds))
        )
        self.now = 0.0
        self.sent: list[tuple[float, str, Hop]] = []
        self.messages: list[bytes] = []
        self.told: list[tuple[float, str]] = []
        self.broken = False
        self._ticks = 0

    def _send(self, data: bytes, hop: Hop) -> None:
        if self.broken:
            raise OSError("Network is unreachable")
        self.sent.append((self.now, data.split(b"\r\n", 1)[0].decode(), hop))
        self.messages.append(data)

    # The bench is the user of all its transactions.

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self.told.append((now, str(response.status)))

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self.told.append((now, "timeout"))

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self.told.append((now, "transport error"))

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        assert not transaction.shelved

    def on_cancel(self, transaction: InviteServerTransaction, now: float) -> None:
        self.told.append((now, "cancel"))

    def on_terminated(self, transaction: ServerTransaction, now: float) -> None:
        self.told.append((now, "terminated"))

    # What happens.

    def run_until(self, when: float) -> None:
        """Lets time go by, tick by tick."""
        while self.now < when:
            self._ticks += 1
            self.now = self._ticks / 50
            self.table.wheel.advance(self.now)

    def server(self, method: str = "INVITE", hop: Hop = UDP) -> ServerTransaction:
        return self.table.begin_server(request(method), hop, self.now, self)

    def client(
        self, method: str = "INVITE", hop: Hop = UDP, copy: Request | None = None
    ) -> ClientTransaction:
        copy = copy or request(method, "z9hG4bKproxy", via=PROXY, uri="sip:11@192.0.2.20")
        return self.table.begin_client(copy, copy.encode(), hop, self, self.now)

    def invite(self, hop: Hop = UDP, copy: Request | None = None) -> InviteClientTransaction:
        transaction = self.client("INVITE", hop, copy)
        assert isinstance(transaction, InviteClientTransaction)
        return transaction

    def receive(self, message: Response) -> bool:
        return self.table.receive_response(message, self.now)

    # What is asked afterwards.

    def clear(self) -> None:
        self.sent.clear()
        self.messages.clear()
        self.told.clear()

    @property
    def times(self) -> list[float]:
        return [when for when, _, _ in self.sent]

    @property
    def words(self) -> list[str]:
        return [what for _, what in self.told]

    def is_empty(self) -> bool:
        return len(self.table) == 0 and len(self.table.wheel) == 0 and self.table.wheel.next_wake is None


@pytest.fixture
def bench() -> Bench:
    return Bench()
