"""Phones for the tests of who gets a configuration, and rows that are kept in memory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from appliance.errors import DatabaseUnavailable
from appliance.provisioning.vault import Vault
from appliance.storage.phones import StoredLine, StoredPhone

VAULT = Vault([bytes(range(32))])
MAC, OTHER = "001565123456", "000b82123456"
TOKEN, OTHER_TOKEN = "A" * 27, "B" * 27


def stored(
    mac: str = MAC, token: str = TOKEN, *, vendor: str = "yealink", model: str = "t46s", enabled: bool = True
) -> StoredPhone:
    """A phone with one line, of the user 10, whose password is 'secret-10'."""
    secret = VAULT.seal("secret-10", "10@example.org")
    line = StoredLine(1, "10", "example.org", "10", "Reception", "10", "", secret)
    return StoredPhone(mac, vendor, model, token, enabled, {}, 3, 2, None, None, "", "", "", (line,))


@dataclass
class MemoryRows:
    """Phones by MAC; what was written down; ``away`` is a database that does not answer."""

    phones: dict[str, StoredPhone] = field(default_factory=dict)
    noted: list[tuple[str, str, str, int | None]] = field(default_factory=list)
    strangers: list[tuple[str, str, str, str]] = field(default_factory=list)
    away: bool = False

    def add(self, phone: StoredPhone) -> None:
        self.phones[phone.mac] = phone

    def by_token(self, token: str) -> StoredPhone | None:
        self._look()
        return next(
            (
                each
                for each in self.phones.values()
                if secrets.compare_digest(each.token.encode(), token.encode())
            ),
            None,
        )

    def by_mac(self, mac: str) -> StoredPhone | None:
        self._look()
        return self.phones.get(mac)

    def asked(self, mac: str, address: str, user_agent: str, served: int | None = None) -> None:
        self.noted.append((mac, address, user_agent, served))

    def unknown(self, mac: str, vendor: str, how: str, address: str, user_agent: str) -> None:
        self.strangers.append((mac, vendor, how, address))

    def _look(self) -> None:
        if self.away:
            raise DatabaseUnavailable("the database is away")
