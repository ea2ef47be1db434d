"""What a phone of ours gets for a file's name: rendered now, with its passwords opened for that moment."""

from __future__ import annotations

from pathlib import Path

from appliance.config import Settings
from appliance.provisioning.files import Served, render
from appliance.provisioning.naming import identify
from appliance.provisioning.rendering import Templates
from appliance.provisioning.stored import phone_of
from appliance.provisioning.vault import Vault
from appliance.storage.phones import StoredPhone


class Documents:
    """Makes the files. Raises PhoneRefused and SealBroken for a phone that cannot be told what it should."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault
        own = settings.phones.templates
        self._templates = Templates(Path(own) if own else None)

    def document(self, stored: StoredPhone, file: str) -> Served | None:
        """The file, or None when it is none that we make for this phone: then nothing is opened."""
        if identify(file, vendor=stored.vendor) is None:
            return None
        return render(phone_of(stored, self._settings, self._vault), file, self._templates)
