"""TLS as a layer between the bytes of a socket and those of a stream: bytes in, bytes out, no socket.

Must not know what is spoken above it, nor which certificate is shown.
"""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import Any

_LARGEST = 65_536


class TlsFailure(OSError):
    """The layer cannot go on; the text says why, for a log: it quotes nobody."""


class TlsLayer:
    """One connection's TLS. ``server_name`` is whom a connection of our own has to reach; None: we were
    called.

    What it wants to say itself (its part of the handshake, an alert) is in ``to_send`` after each call.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
        )
        self.established = False
        self.ended = False

    @property
    def to_send(self) -> bytes:
        """Takes what has to go to the peer."""
        return self._outgoing.read()

    @property
    def version(self) -> str:
        """``TLSv1.3``."""
        return self._object.version() or ""

    @property
    def proved(self) -> tuple[str, ...]:
        """Which domains (in lower case) and addresses the peer has proved to be, by a certificate that we
        believe (RFC 5922 §7.1); none without one."""
        told: dict[str, Any] = dict(self._object.getpeercert() or {})
        names = [(str(kind), str(value)) for kind, value in told.get("subjectAltName", ())]
        uris = [value[4:].lower() for kind, value in names if kind == "URI" and value[:4].lower() == "sip:"]
        domains = uris or [value.lower() for kind, value in names if kind == "DNS"]
        # A star names nobody (§7.2).
        found = [name for name in domains if "*" not in name and "@" not in name]
        return (*found, *(_address(value) for kind, value in names if kind == "IP Address"))

    def begin(self) -> None:
        """Whoever calls speaks first."""
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """What the peer says, which may be nothing yet; raises TlsFailure. ``ended``: it says no more."""
        self._incoming.write(data)
        if not self.established and not self._shake_hands():
            return b""
        told = b""
        try:
            while True:
                piece = self._object.read(_LARGEST)
                if not piece:
                    self.ended = True
                    return told
                told = told + piece if told else piece
        except ssl.SSLWantReadError:
            return told
        except ssl.SSLZeroReturnError:
            self.ended = True
            return told
        except ssl.SSLError as error:
            raise TlsFailure(f"TLS broke: {_why(error)}") from None

    def wrap(self, data: bytes) -> bytes:
        """What goes over the wire in place of ``data``; raises TlsFailure."""
        try:
            self._object.write(data)
        except ssl.SSLError as error:
            raise TlsFailure(f"TLS broke: {_why(error)}") from None
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """The end, as TLS says it; nothing when there is no more to be said."""
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # the peer has not said its own yet, and need not
        return self._outgoing.read()

    def _shake_hands(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise TlsFailure(f"no TLS: {_why(error)}") from None
        self.established = True
        return True


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""


def _why(error: ssl.SSLError) -> str:
    """``certificate verify failed: self-signed certificate``, ``http request``, ``wrong version number``."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or error.strerror or "it broke off").replace("_", " ").lower()
