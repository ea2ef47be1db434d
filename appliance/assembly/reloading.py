"""What is read again without a restart: domains and certificates, by a command or by SIGHUP; and whether
the file of the settings says more that takes one."""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.config import Settings
from appliance.config.readers import same_but_for_reload, with_domains
from appliance.errors import SettingsError, SipboxError
from appliance.network import Network
from appliance.storage.directory import Directory
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.transport.certificates import Certificate


class Reloading:
    """``settings`` are those of the start, ``reread()`` gives them as their file has them by now; None: there
    is no file. ``agree(settings)`` is told which are in use when others came in: boxes compare them."""

    def __init__(
        self,
        settings: Settings,
        network: Network,
        directory: Directory,
        metrics: Metrics,
        journal: Journal,
        reread: Callable[[], Settings] | None,
        agree: Callable[[Settings], None],
    ) -> None:
        self._settings = settings
        self._domains, self._certificates = settings.named_domains, settings.certificates  # in use
        self._network = network
        self._directory = directory
        self._metrics = metrics
        self._journal = journal
        self._reread = reread
        self._agree = agree
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
            wanted = self._certificates if self._reread is None else self._reread().certificates
            found = tls.reload(wanted)
        except SettingsError as error:
            self._journal.event("certificate-refused", f"the old certificates stay: {error}")
            self._note(False)
            raise
        if wanted:  # the last one stays until the next start
            self._certificates = wanted
        self._note(True)
        names = ", ".join(each.files.name for each in found)
        self._journal.event("certificates-loaded", f"certificates are in use: {names}")
        return found

    def domains(self) -> None:
        """Rows and settings are read again; raises StorageError and SettingsError."""
        try:
            now = self._settings if self._reread is None else self._reread()
        except SettingsError:
            self._note(False)
            raise
        named = now.named_domains
        self._directory.reload_domains(named)
        self._domains = named
        self._agree(with_domains(self._settings, now))
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
            now = self._reread()
        except SettingsError:
            return True
        return not (
            same_but_for_reload(self._settings, now)
            and now.named_domains == self._domains
            and now.certificates == self._certificates
        )

    def _note(self, success: bool) -> None:
        self._metrics.reload_success = int(success)
        if success:
            self._metrics.reload_time = time.time()
