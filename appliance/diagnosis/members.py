"""The members of the database's cluster: are they one, has each all rows, does one hold the others up.

Each member is asked by itself, with the account that the server has there. Only where the settings name
several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from appliance.diagnosis.finding import Finding, count, few
from appliance.diagnosis.surroundings import Surroundings

if TYPE_CHECKING:
    from appliance.storage.galera import Member

_WAITING = 1000  # changes that a member has yet to apply


def judge(members: Mapping[str, Member | None], *, elsewhere: bool = False) -> Finding:
    """``members`` is what each says by its name, this box's first; ``elsewhere``: the server asks another."""
    if not members:
        return Finding("off", "the database is one server (database.others)")
    away = [name for name, member in members.items() if member is None]
    if len(away) == len(members):
        return Finding(
            "wrong",
            "no member of the cluster answers us: " + few(away),
            "systemctl status mariadb on each; when all have ended: ansible-playbook playbooks/recover.yml.",
        )
    apart = [name for name, member in members.items() if member is not None and not member.primary]
    if apart:
        return Finding(
            "wrong",
            f"{few(apart)} {'has' if len(apart) == 1 else 'have'} no majority: what changes is kept on disk",
            "See the network between the boxes; when all have ended: ansible-playbook playbooks/recover.yml.",
        )
    if away:
        return Finding(
            "wrong",
            f"{few(away)} is out of the cluster; the others go on",
            f"On {away[0]}: systemctl status mariadb; when it starts, it gets what it has missed.",
        )
    joining = [f"{name} ({member.state})" for name, member in members.items() if member and not member.synced]
    if joining:
        return Finding(
            "wrong",
            f"{few(joining)} has not got all rows yet",
            "Wait; journalctl -fu mariadb shows how far it is.",
        )
    slow = [name for name, member in members.items() if member and member.waiting > _WAITING]
    if slow:
        return Finding(
            "wrong",
            f"{few(slow)} cannot follow, and holds up the commits of all",
            "See its disk and its processor: iostat -x 5, top.",
        )
    size = max(member.members for member in members.values() if member)
    if elsewhere:
        return Finding(
            "wrong",
            "all members are well, and the server asks another box's",
            "It comes back by itself within seconds.",
        )
    return Finding("ok", f"{count(size, 'member')} of the cluster, all rows at each: {few(list(members))}")


def look(around: Surroundings) -> Finding:
    """Each member is asked."""
    section = around.need("database").database
    if not section.others:
        return judge({})
    from appliance.storage.engine import Database

    database = Database(around.url, others=section.others, pool_size=1, connect_timeout=2, query_timeout=3)
    try:
        told = database.members.of_each()
    finally:
        database.close()
    names = [(url.host if "unix_socket" not in url.query else None) or "this box" for url, _ in told]
    elsewhere = (
        not around.forbidden and around.status is not None and around.number("sipbox_database_elsewhere") > 0
    )
    return judge(dict(zip(names, (said for _, said in told), strict=True)), elsewhere=elsewhere)
