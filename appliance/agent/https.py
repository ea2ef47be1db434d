"""The agent's HTTP and HTTPS servers: connections, their limits, and a certificate that may be renewed.

A new certificate counts from the next connection on; one that cannot be used leaves the old one in use. Must
not know what is asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
from gevent import ssl
from gevent.pywsgi import WSGIHandler, WSGIServer

from appliance.config.listener import split_address
from appliance.errors import SettingsError

#: Requests that are answered at the same time.
GREENLETS = 64
#: How long the beginning of TLS may take; whoever connects and says nothing holds one of the places so long.
HANDSHAKE_SECONDS = 10.0
#: After that a connection ends, so that peers that never read do not use up the places.
CONNECTION_SECONDS = 120.0
#: How often the files of a certificate are looked at.
RENEWAL_SECONDS = 30.0

log = logging.getLogger("sipbox.agent")


class _Slow(Exception):
    """The time of a connection is over."""


class Handler(WSGIHandler):
    """One connection."""

    def handle(self) -> None:
        with gevent.Timeout(CONNECTION_SECONDS, _Slow()):
            try:
                super().handle()
            except _Slow:
                log.debug("HTTP: a connection was open for too long")


class Pair:
    """A certificate with its key, from the files; ``setting`` is where the settings name them. Raises
    SettingsError when they cannot be used."""

    def __init__(self, certificate: str, key: str, setting: str) -> None:
        self._files = (certificate, key)
        self._setting = setting
        self._stamp = self._stamps()
        self._looked = time.monotonic()
        self._context = self._load()

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        now = time.monotonic()
        if now - self._looked >= RENEWAL_SECONDS:
            self._looked = now
            self._renew()
        return self._context

    def _renew(self) -> None:
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        try:
            self._context = self._load()
        except SettingsError as error:
            log.error("%s; the old one stays in use", error)
        self._stamp = stamp

    def _stamps(self) -> list[tuple[int, int]]:
        found = []
        for file in self._files:
            try:
                status = Path(file).stat()
            except OSError:
                continue
            found.append((status.st_mtime_ns, status.st_ino))
        return found

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            problem = f"{certificate} with {key} cannot be used: {error.strerror or error}"
            raise SettingsError(problem, path=self._setting) from error
        return context


def pair_of(certificate: str, key: str, setting: str) -> Pair | None:
    """The pair, if the settings name one. Raises SettingsError."""
    return Pair(certificate, key, setting) if certificate else None


class HttpServer(WSGIServer):
    """HTTP at ``address`` (HOST:PORT), or HTTPS with ``pair``; ``setting`` is where the settings name it."""

    def __init__(
        self,
        address: str,
        app: Callable[..., Any],
        setting: str,
        pair: Pair | None = None,
        *,
        logger: logging.Logger = log,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._said, self._setting, self._pair, self._log = address, setting, pair, logger
        self._handshake_seconds = handshake_seconds
        host, port = split_address(address)
        tls: dict[str, Any] = {} if pair is None else {"ssl_context": pair.context}
        super().__init__(
            (host, port), app, spawn=GREENLETS, handler_class=Handler, log=None, error_log=logger, **tls
        )

    def begin(self) -> None:
        """Answer from now on. Raises SettingsError when the address cannot be had."""
        try:
            self.start()
        except OSError as error:
            problem = f"cannot listen on {self._said}: {error.strerror or error}"
            raise SettingsError(problem, path=self._setting) from error

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """With the certificate that is in use now."""
        if self._pair is None:
            return super().wrap_socket_and_handle(client_socket, address)
        context = self._pair.context
        with closing(
            context.wrap_socket(client_socket, server_side=True, do_handshake_on_connect=False)
        ) as secured:
            return self.handle(secured, address)

    def handle(self, sock: Any, address: Any) -> None:
        """One connection. One that was to be HTTPS and is none is no matter for the log."""
        if self.ssl_enabled:
            try:
                with gevent.Timeout(self._handshake_seconds, TimeoutError()):
                    sock.do_handshake()
            except OSError as error:  # ssl.SSLError is one
                self._log.debug("no TLS with %s: %s", address, error)
                return
        super().handle(sock, address)
