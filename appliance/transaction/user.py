"""The transaction users (RFC 3261 §17, "TU"): what a transaction tells to whoever began it.

A user may do anything with the transactions while it is told, also respond or begin others: a transaction has
taken its step of the table before it speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from appliance.sip.message import Response
    from appliance.transaction.client import ClientTransaction
    from appliance.transaction.invite_server import InviteServerTransaction
    from appliance.transaction.server import ServerTransaction


class ServerUser(Protocol):
    """Who answers a request: the proxy, the registrar."""

    def on_cancel(self, transaction: InviteServerTransaction, now: float) -> None:
        """A CANCEL came while there was no final answer yet (RFC 3261 §9.2)."""

    def on_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """The transaction has left the table; nothing more comes of it."""


class ClientUser(Protocol):
    """Who sent a request and wants its answers: the proxy."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response: each provisional one, the final one, and each further 2xx to an INVITE."""

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """Nobody answered: 408 to an INVITE; to another request no 408 is ever sent (RFC 4320 §4.2)."""

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        """The request did not leave; to a proxy that is as good as a 503 (RFC 3261 §16.9)."""

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        """The transaction has left the table. Only why it has, when nobody answered, may still be told."""


class Nobody:
    """The user of a transaction whose answers change nothing, and of every one that is over."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Nobody is interested."""

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """Nobody is waiting."""

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        """Nobody is waiting."""

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        """Nobody has anything to let go."""


NOBODY: Final = Nobody()
