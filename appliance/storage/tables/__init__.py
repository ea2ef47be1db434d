"""The tables: OpenSER 1.2's 37 by the groups of its script, attributes of domains, calls, changes, phones."""

from __future__ import annotations

from sqlalchemy import MetaData, Table

from appliance.storage.tables import accounting, core, directory, extra, phones, presence, serweb

#: The groups in the order of OpenSER's script; the core is always there, and the phones with it.
GROUPS: dict[str, MetaData] = {
    "core": core.metadata,
    "phones": phones.metadata,
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
domain_attrs = directory.domain_attrs
uri = directory.uri
grp = directory.grp
usr_preferences = directory.usr_preferences
speed_dial = directory.speed_dial
trusted = directory.trusted
address = directory.address
gw = directory.gw
gw_grp = directory.gw_grp
lcr = directory.lcr
pdt = directory.pdt
silo = directory.silo
change_log = directory.change_log
acc = accounting.acc
missed_calls = accounting.missed_calls
cdrs = accounting.cdrs
phone = phones.phone
phone_line = phones.phone_line
phone_seen = phones.phone_seen


def tables_of(group: str) -> list[Table]:
    """The tables of a group, in an order in which they can be made."""
    return list(GROUPS[group].sorted_tables)
