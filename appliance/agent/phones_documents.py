"""What a phone of ours gets for a file's name: rendered now, with its passwords opened for that moment."""

from __future__ import annotations

from pathlib import Path

from appliance.agent.phones_app import Document
from appliance.config import Settings
from appliance.provisioning.files import render
from appliance.provisioning.naming import identify, mac_of_agent
from appliance.provisioning.rendering import Templates
from appliance.provisioning.stored import phone_of
from appliance.provisioning.vault import Vault
from appliance.storage.phones import StoredPhone

#: The kinds of files that have a phone's accounts in them.
_WITH_ACCOUNTS = frozenset({"binary", "xml", "settings"})


class Documents:
    """Makes the files. Raises PhoneRefused and SealBroken for a phone that cannot be told what it should."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault
        own = settings.phones.templates
        self._templates = Templates(Path(own) if own else None)

    def document(self, stored: StoredPhone, file: str) -> Document | None:
        """The file, or None when it is none that we make for this phone."""
        asked = identify(file, vendor=stored.vendor)
        if asked is None:
            return None
        made = render(phone_of(stored, self._settings, self._vault), file, self._templates)
        if made is None:
            return None
        return Document(made.content, made.content_type, asked.kind in _WITH_ACCOUNTS)


def mac_in_name(file: str, vendor: str | None = None) -> str | None:
    """The MAC in a file's name."""
    asked = identify(file, vendor=vendor) or identify(file)
    return asked.mac if asked else None


def mac_of(file: str, user_agent: str) -> str | None:
    """In whose name somebody asks: the MAC in the file's name, else the one in the User-Agent."""
    return mac_in_name(file) or mac_of_agent(user_agent)
