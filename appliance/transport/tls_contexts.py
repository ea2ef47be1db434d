"""What TLS is begun with: the server's certificates, one for each name that is asked for, and whom we
believe.

A set of certificates is made whole or not at all: ``reload`` looks at the new ones first, and where one is
bad, all the old ones stay. Connections that are there keep what they have begun with. Must not know
connections.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from appliance.config.sections import CertificateFiles
from appliance.errors import SettingsError
from appliance.transport.certificates import (
    Certificate,
    CertificateExpired,
    CertificateProblem,
    look_at,
    said_by,
)

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {"off": ssl.CERT_NONE, "request": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}


class TlsOptions(NamedTuple):
    """How TLS is spoken. ``clients``: whether phones have to show certificates ("off", "request", "require"),
    signed by an authority in the file ``client_authorities``. ``verify``: whether servers that we connect to
    have to show one that is theirs, signed by ``server_authorities`` ("": those that the system believes).
    """

    minimum_version: str = "1.2"
    clients: str = "off"
    client_authorities: str = ""
    verify: bool = True
    server_authorities: str = ""


class _Connection(ssl.SSLObject):
    """One without a socket. gevent's contexts ask whoever a name was shown to for its socket by this method,
    and know sockets only."""

    def _sslsock(self) -> _Connection:
        return self


class _Set(NamedTuple):
    certificates: list[Certificate]
    server: ssl.SSLContext
    client: ssl.SSLContext
    by_name: dict[str, ssl.SSLContext]


class TlsContexts:
    """The certificates in use. ``wanted`` are their files, the first one for whoever names none of the
    others; raises SettingsError when one cannot be used. One that has expired is used all the same at the
    start, because phones without TLS need the server: ``stale`` says of each what is wrong.
    """

    def __init__(
        self,
        wanted: Sequence[CertificateFiles],
        options: TlsOptions,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wanted = wanted
        self._options = options
        self._wall = wall
        self.stale: list[str] = []
        found = []
        for files in wanted:
            try:
                found.append(look_at(files, wall()))
            except CertificateExpired as expired:
                self.stale.append(expired.problem)
                found.append(said_by(files))
        self._now = self._made(found)

    @property
    def certificates(self) -> list[Certificate]:
        """Those in use."""
        return self._now.certificates

    @property
    def server(self) -> ssl.SSLContext:
        """What a connection that was accepted begins with."""
        return self._now.server

    @property
    def client(self) -> ssl.SSLContext:
        """What a connection that we open begins with."""
        return self._now.client

    def reload(self, wanted: Sequence[CertificateFiles] = ()) -> list[Certificate]:
        """Reads the files again, or those that are wanted by now; raises SettingsError, and then nothing has
        changed."""
        wanted, wall = wanted or self._wanted, self._wall()
        self._now = self._made([look_at(files, wall) for files in wanted])
        self._wanted = wanted
        self.stale = []
        return self._now.certificates

    def _made(self, found: list[Certificate]) -> _Set:
        contexts = [self._context(certificate) for certificate in found]
        by_name: dict[str, ssl.SSLContext] = {}
        for certificate, context in zip(found, contexts, strict=True):
            for name in (*certificate.files.names, *certificate.names):
                by_name.setdefault(name.lower(), context)

        contexts[0].sslobject_class = _Connection
        contexts[0].sni_callback = self._choose
        return _Set(found, contexts[0], self._client_context(found[0]), by_name)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Somebody asks for a name. Looked up among those in use, so that an old set is held by nobody."""
        if name is not None:
            by_name = self._now.by_name
            chosen = by_name.get(name.lower()) or by_name.get(f"*.{name.lower().partition('.')[2]}")
            if chosen is not None:
                connection.context = chosen

    def _context(self, certificate: Certificate) -> ssl.SSLContext:
        options, files = self._options, certificate.files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[options.minimum_version]
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        _load(context, files)
        if options.clients != "off":
            context.verify_mode = _CLIENTS[options.clients]
            _believe(context, options.client_authorities, "tls.client_authorities")
        return context

    def _client_context(self, ours: Certificate) -> ssl.SSLContext:
        options = self._options
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = _VERSIONS[options.minimum_version]
        if not options.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif options.server_authorities:
            _believe(context, options.server_authorities, "tls.server_authorities")
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        _load(context, ours.files)  # a peer may ask who we are
        return context


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateProblem(
            f"{files.certificate} with {files.key} cannot be used: {error.strerror or error}", path=files.path
        ) from None


def _believe(context: ssl.SSLContext, file: str, path: str) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{file} cannot be used: {error.strerror or error}", path=path) from None
