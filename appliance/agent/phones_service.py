"""Serving phones, put together: database, vault, HTTP or HTTPS, SIP PnP. The agent may do without it.

The database may be away, at the start and later: phones then get 503 and come again. Must not know the SIP
process.
"""

from __future__ import annotations

import getpass
import logging
import os

from sqlalchemy.engine import URL, make_url

from appliance.agent.https import HttpServer, pair_of
from appliance.agent.phones_app import Notes, create_app
from appliance.agent.phones_documents import Documents
from appliance.agent.phones_door import Door
from appliance.agent.phones_pnp import PnpDesk, PnpListener
from appliance.agent.throttle import Throttle
from appliance.config import Settings
from appliance.provisioning.models import vendor_of_mac
from appliance.provisioning.stored import folder
from appliance.provisioning.vault import open_vault
from appliance.storage.connecting import is_by_socket
from appliance.storage.engine import Database
from appliance.storage.phones import PhoneRows

log = logging.getLogger("sipbox.phones")


class PhoneService:
    """What the agent does for phones, as ``settings.phones`` says. Raises SettingsError without its key."""

    def __init__(self, settings: Settings) -> None:
        said, stored = settings.phones, settings.database
        self._database = Database(
            own_account(stored.url),
            others=stored.others,
            pool_size=2,
            connect_timeout=stored.connect_timeout_seconds,
            query_timeout=stored.query_timeout_seconds,
        )
        documents = Documents(settings, open_vault(said.key_file))
        rows = PhoneRows(self._database)
        notes = Notes(rows, vendor_of_mac)
        app = create_app(Door(rows), notes, documents.document, Throttle(said.requests_per_minute))
        pair = pair_of(said.certificate, said.certificate_key, "phones.certificate")
        self._http = HttpServer(said.http, app, "phones.http", pair, logger=log)
        self._pnp: PnpListener | None = None
        if said.pnp:
            desk = PnpDesk(rows, notes, said.pnp_networks, lambda token: folder(settings, token))
            self._pnp = PnpListener(desk, said.pnp_interface)

    def start(self) -> None:
        """Answer from now on. Raises SettingsError when the address cannot be had."""
        self._database.watch()
        self._http.begin()
        if self._pnp is not None:
            self._pnp.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._pnp is not None:
            self._pnp.stop()
        self._http.stop(timeout=1)
        self._database.close()


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
