"""The tables: OpenSER 1.2's 37 by the groups of its script, and the change log."""

from __future__ import annotations

from sqlalchemy import MetaData, Table

from appliance.storage.tables import core, directory, extra, presence, serweb

#: The groups in the order of OpenSER's script; the core is always there.
GROUPS: dict[str, MetaData] = {
    "core": core.metadata,
    "presence": presence.metadata,
    "extra": extra.metadata,
    "serweb": serweb.metadata,
}

subscriber = core.subscriber
location = core.location
aliases = core.aliases
dbaliases = core.dbaliases
version = core.version
served_domain = directory.served_domain
grp = directory.grp
usr_preferences = directory.usr_preferences
speed_dial = directory.speed_dial
trusted = directory.trusted
change_log = directory.change_log


def tables_of(group: str) -> list[Table]:
    """The tables of a group, in an order in which they can be made."""
    return list(GROUPS[group].sorted_tables)
