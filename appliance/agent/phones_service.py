"""Serving phones, put together: database, vault, HTTP or HTTPS, SIP PnP. The agent may do without it.

The database may be away, at the start and later: phones then get 503 and come again. Must not know the SIP
process.
"""

from __future__ import annotations

import getpass
import logging
import os
import ssl
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer
from sqlalchemy.engine import URL, make_url

from appliance.agent.phones_app import Notes, create_app
from appliance.agent.phones_documents import Documents
from appliance.agent.phones_door import Door
from appliance.agent.phones_pnp import PnpDesk, PnpListener
from appliance.agent.throttle import Throttle
from appliance.config import Settings
from appliance.config.listener import split_address
from appliance.errors import SettingsError
from appliance.provisioning.models import vendor_of_mac
from appliance.provisioning.stored import folder
from appliance.provisioning.vault import open_vault
from appliance.storage.connecting import is_by_socket
from appliance.storage.engine import Database
from appliance.storage.phones import PhoneRows

GREENLETS = 64
#: How long the beginning of TLS may take; whoever connects and says nothing holds one of the places so long.
HANDSHAKE_SECONDS = 10.0

log = logging.getLogger("sipbox.phones")


class PhoneService:
    """What the agent does for phones, as ``settings.phones`` says. Raises SettingsError without its key."""

    def __init__(self, settings: Settings, handler_class: type[WSGIHandler] = WSGIHandler) -> None:
        said, stored = settings.phones, settings.database
        self._address = said.http
        self._database = Database(
            own_account(stored.url),
            pool_size=2,
            connect_timeout=stored.connect_timeout_seconds,
            query_timeout=stored.query_timeout_seconds,
        )
        documents = Documents(settings, open_vault(said.key_file))
        rows = PhoneRows(self._database)
        notes = Notes(rows, vendor_of_mac)
        app = create_app(Door(rows), notes, documents.document, Throttle(said.requests_per_minute))
        host, port = split_address(said.http)
        self._http = PhoneServer(
            (host, port),
            app,
            spawn=GREENLETS,
            handler_class=handler_class,
            log=None,
            error_log=log,
            **_tls(said.certificate, said.certificate_key),
        )
        self._pnp: PnpListener | None = None
        if said.pnp:
            desk = PnpDesk(rows, notes, said.pnp_networks, lambda token: folder(settings, token))
            self._pnp = PnpListener(desk, said.pnp_interface)

    def start(self) -> None:
        """Answer from now on. Raises SettingsError when the address cannot be had."""
        self._database.watch()
        try:
            self._http.start()
        except OSError as error:
            problem = f"cannot listen on {self._address}: {error.strerror or error}"
            raise SettingsError(problem, path="phones.http") from error
        if self._pnp is not None:
            self._pnp.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._pnp is not None:
            self._pnp.stop()
        self._http.stop(timeout=1)
        self._database.close()


class PhoneServer(WSGIServer):
    """HTTP, or HTTPS with what ``tls`` gives."""

    def handle(self, sock: Any, address: Any) -> None:
        """One connection. One that was to be HTTPS and is none is no matter for the log."""
        if self.ssl_enabled:
            try:
                with gevent.Timeout(HANDSHAKE_SECONDS, TimeoutError()):
                    sock.do_handshake()
            except OSError as error:  # ssl.SSLError is one
                log.debug("no TLS with %s: %s", address, error)
                return
        super().handle(sock, address)


def tls(context: ssl.SSLContext) -> dict[str, Any]:
    """What makes a ``PhoneServer`` one of HTTPS: it shakes hands by itself, and not for ever."""
    return {"ssl_context": context, "do_handshake_on_connect": False}


def own_account(url: str) -> URL:
    """The URL for this process: by unix socket without a password MariaDB lets a system user in as itself.

    The settings name the server's account there; the agent is another system user, with its own account.
    """
    complete = make_url(url)
    if not is_by_socket(complete):
        return complete
    try:
        return complete.set(username=getpass.getuser() if os.geteuid() else "root")
    except (KeyError, OSError):  # a user without a name
        return complete


def _tls(certificate: str, key: str) -> dict[str, Any]:
    if not certificate:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        problem = f"{certificate} with {key} cannot be used: {error.strerror or error}"
        raise SettingsError(problem, path="phones.certificate") from error
    return tls(context)
