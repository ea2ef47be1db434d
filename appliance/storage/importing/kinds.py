"""Whose database it is, and which of its columns has what: a table of names, without a database.

Sources: the SQL scripts that Kamailio (5 and 6), OpenSIPS (3) and OpenSER (1.2) make their MySQL tables by.
The versions of ``location`` tell them apart: Kamailio counts below a hundred, OpenSER stopped at 1004,
OpenSIPS went on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from appliance.errors import StorageError

KAMAILIO, OPENSIPS, OPENSER = "Kamailio", "OpenSIPS", "OpenSER"

_BELOW_KAMAILIO, _LAST_OPENSER = 100, 1006

#: Of each table, what is read by our names; where the servers differ, the first column that is there counts.
COLUMNS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "domain": {"domain": ("domain",), "did": ("did",), "attrs": ("attrs",)},
    "domain_attrs": {"did": ("did",), "name": ("name",), "value": ("value",)},
    "subscriber": {
        "username": ("username",),
        "domain": ("domain",),
        "password": ("password",),
        "ha1": ("ha1",),
        "ha1b": ("ha1b",),
        "ha1_sha256": ("ha1_sha256",),
        "ha1_sha512_256": ("ha1_sha512t256", "ha1_sha512_256"),
        "first_name": ("first_name",),
        "last_name": ("last_name",),
        "email_address": ("email_address",),
    },
    "dbaliases": {
        "alias_username": ("alias_username",),
        "alias_domain": ("alias_domain",),
        "username": ("username",),
        "domain": ("domain",),
    },
    "grp": {"username": ("username",), "domain": ("domain",), "grp": ("grp",)},
    "trusted": {
        "src_ip": ("src_ip",),
        "proto": ("proto",),
        "from_pattern": ("from_pattern",),
        "ruri_pattern": ("ruri_pattern",),
        "tag": ("tag",),
    },
    "address": {
        "grp": ("grp",),
        "ip_addr": ("ip_addr", "ip"),
        "mask": ("mask",),
        "port": ("port",),
        "proto": ("proto",),
        "pattern": ("pattern",),
    },
    "location": {
        "username": ("username",),
        "domain": ("domain",),
        "contact": ("contact",),
        "received": ("received",),
        "path": ("path",),
        "expires": ("expires",),
        "q": ("q",),
        "callid": ("callid",),
        "cseq": ("cseq",),
        "last_modified": ("last_modified",),
        "user_agent": ("user_agent",),
        "socket": ("socket",),
        "methods": ("methods",),
        "instance": ("instance", "sip_instance"),
        "reg_id": ("reg_id",),
    },
}
#: Without these a row says nothing.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "domain": ("domain",),
    "domain_attrs": ("did", "name", "value"),
    "subscriber": ("username", "domain"),
    "dbaliases": ("alias_username", "alias_domain", "username", "domain"),
    "grp": ("username", "domain", "grp"),
    "trusted": ("src_ip", "proto"),
    "address": ("grp", "ip_addr", "mask"),
    "location": ("username", "contact", "expires", "callid", "cseq", "last_modified"),
}


def kind_of(columns: Mapping[str, Collection[str]], versions: Mapping[str, int]) -> str:
    """Whose database has these columns, by table, and these versions (table ``version``).

    StorageError when it is nobody's that we know, or our own.
    """
    if "change_log" in columns and "digest_realm" in columns.get("domain", ()):
        raise StorageError("it is a database of sipbox: 'sipbox backup' takes it to another box")
    if "subscriber" not in columns or not versions:
        raise StorageError(
            "it is none of Kamailio's, OpenSIPS's and OpenSER's: it needs the tables subscriber and version;"
            " name the right database at the end of the URL"
        )
    location, version = columns.get("location", ()), versions.get("location", 0)
    if "contact_id" in location or version > _LAST_OPENSER:
        return OPENSIPS
    if "connection_id" in location or 0 < version < _BELOW_KAMAILIO:
        return KAMAILIO
    if version:
        return OPENSER
    if "did" in columns.get("domain", ()):
        return KAMAILIO
    return OPENSER if "phplib_id" in columns["subscriber"] else OPENSIPS


def chosen(table: str, there: Collection[str]) -> dict[str, str]:
    """Our name of each column of ``table`` that is there, and its name there; StorageError when one is
    missing without which nothing can be told."""
    found = {ours: name for ours, names in COLUMNS[table].items() for name in names[::-1] if name in there}
    missing = [name for name in NEEDED[table] if name not in found]
    if missing:
        raise StorageError(
            f"its table {table} has no column {missing[0]}: it is of a version that is not known"
        )
    return found
