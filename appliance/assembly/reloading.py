"""What is read again without a restart: domains and certificates, by a command or by SIGHUP; and whether
the file of the settings says more that takes one."""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.config import Settings
from appliance.config.readers import same_for_server
from appliance.errors import SettingsError, SipboxError
from appliance.network import Network
from appliance.storage.directory import Directory
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.transport.certificates import Certificate


class Reloading:
    """``settings`` are those of the start, ``reread()`` gives them as their file has them by now; None: there
    is no file."""

    def __init__(
        self,
        settings: Settings,
        network: Network,
        directory: Directory,
        metrics: Metrics,
        journal: Journal,
        reread: Callable[[], Settings] | None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._directory = directory
        self._metrics = metrics
        self._journal = journal
        self._reread = reread
        self._note(True)  # with the start all was read

    def certificates(self) -> list[Certificate]:
        """Certificates are read again, by the settings as they are by now; raises SettingsError, and then the
        old ones stay."""
        tls = self._network.tls
        if tls is None:
            raise SettingsError(
                "no certificate is in use: the first one takes a restart", path="tls.certificate"
            )
        try:
            found = tls.reload(() if self._reread is None else self._reread().certificates)
        except SettingsError as error:
            self._journal.event("certificate-refused", f"the old certificates stay: {error}")
            self._note(False)
            raise
        self._note(True)
        names = ", ".join(each.files.name for each in found)
        self._journal.event("certificates-loaded", f"certificates are in use: {names}")
        return found

    def domains(self) -> None:
        """Rows and settings are read again; raises StorageError and SettingsError."""
        try:
            self._directory.reload_domains(None if self._reread is None else self._reread().named_domains)
        except SettingsError:
            self._note(False)
            raise
        self._note(True)

    def everything(self) -> None:
        """SIGHUP: whatever is read again without a restart is."""
        try:
            if self._network.tls is not None:
                self.certificates()
            self.domains()
        except SipboxError as error:
            self._journal.event("config-refused", str(error))
        else:
            self._journal.event("config-reloaded", "domains and certificates were read again")

    def outdated(self) -> bool:
        """Whether the file says something by now that holds from the next start."""
        if self._reread is None:
            return False
        try:
            return not same_for_server(self._settings, self._reread())
        except SettingsError:
            return True

    def _note(self, success: bool) -> None:
        self._metrics.reload_success = int(success)
        if success:
            self._metrics.reload_time = time.time()
