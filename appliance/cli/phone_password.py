"""A subscriber's new password, sealed for the phones that get their configuration from here.

Who changes it needs the key of ``[phones]`` when the subscriber has such a phone; nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from appliance.cli.invocation import Invocation
from appliance.sip.uri import AddressOfRecord

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from appliance.provisioning.vault import Vault
    from appliance.storage.engine import Database


def phone_password(
    run: Invocation, database: Database, who: AddressOfRecord, password: str
) -> Callable[[Connection], object] | None:
    """What writes ``password`` for the phones of ``who`` in the same transaction; None when he has none.

    Raises SettingsError without the key: phones that have an old password would be locked out.
    """
    from appliance.storage.administration import phones

    if not phones.has_lines(database, who.username, who.domain):
        return None
    sealed = sealer(run)(who, password)
    return lambda connection: phones.keep_password(connection, who.username, who.domain, sealed)


def sealer(run: Invocation) -> Callable[[AddressOfRecord, str], str]:
    """Seals passwords by their owner; the key is read when the first one comes, SettingsError without it."""

    @cache
    def vault() -> Vault:
        from appliance.provisioning.vault import open_vault

        return open_vault(run.settings.phones.key_file)

    return lambda who, password: vault().seal(password, str(who))
