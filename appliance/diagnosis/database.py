"""The database: does it answer, is its schema this version's, is it quick enough.

The server says whether it reaches it; whoever types looks as well, when he is let in. Of several members the
first one that answers is looked at.
"""

from __future__ import annotations

import os
import pwd
import time
from typing import TYPE_CHECKING, NamedTuple

from appliance.config import hide_password
from appliance.diagnosis.finding import AS_ROOT, Finding
from appliance.diagnosis.surroundings import Surroundings

if TYPE_CHECKING:
    from sqlalchemy import URL

_SLOW = 0.25  # a registration waits so long


class Look(NamedTuple):
    """What was seen: whether it answers, why not, what is pending or missing, how long a question took."""

    reachable: bool
    problem: str | None = None
    pending: tuple[str, ...] = ()
    seconds: float = 0.0


def judge(url: str, look: Look, server: tuple[bool, str | None] | None, *, embedded: bool) -> Finding:
    """``server`` is what the server says: whether it reaches it, and why not; None when it is down."""
    if look.reachable:
        if look.problem:
            return Finding("wrong", f"{url}: its tables are not this version's", "sipbox database upgrade")
        if server is not None and not server[0]:
            what = f"{url} answers us, and not the server: {server[1] or 'no reason is known'}"
            return Finding("wrong", what, "Give the server's user its rights: sipbox database create --yes.")
        took = f"{look.seconds * 1000:.0f} ms"
        if look.seconds > _SLOW:
            what = f"{url} takes {took} for a question"
            return Finding(
                "wrong", what, "See what keeps it: mariadb -e 'show full processlist', and vmstat 1 5."
            )
        return Finding("ok", f"{url} answers in {took}, its tables are up to date")
    if server is not None and server[0]:
        # It is our own way to it that is closed: whoever types has no account there.
        return Finding("ok", f"{url} answers the server; this user is not let in to see its tables")
    if server is None and "Access denied" in (look.problem or ""):
        return Finding("unknown", f"{url} answers, and does not let this user in to see its tables", AS_ROOT)
    reason = (server[1] if server is not None else None) or look.problem or "no answer"
    meanwhile = ""
    if server is not None:
        kept = "registrations are refused" if embedded else "what changes is kept on disk"
        meanwhile = f"; calls go on, {kept}"
    todo = "See that it runs: systemctl status mariadb; start it: systemctl start mariadb."
    if embedded:
        todo = f"See whose it is: ls -l {url.removeprefix('sqlite:///')}; make it: sipbox database create."
    return Finding("wrong", f"{url} does not answer: {reason}{meanwhile}", todo)


def look(around: Surroundings) -> Finding:
    """Our own look, and the server's word."""
    section = around.need("database").database
    told = (around.status or {}).get("database")
    server = None if told is None else (told["available"], told.get("problem"))
    url, seen = section.url, _look(around.url)
    if not seen.reachable:
        # The server asks the next one then; who is away is told by the part members.
        for other in section.others:
            instead = _look(other)
            if instead.reachable:
                url, seen = other, instead
                break
    return judge(hide_password(url), seen, server, embedded=section.embedded)


def _look(database_url: str | URL) -> Look:
    from sqlalchemy import text
    from sqlalchemy.engine import make_url

    from appliance.errors import StorageError
    from appliance.storage import schema
    from appliance.storage.connecting import is_by_socket
    from appliance.storage.engine import Database

    url = make_url(database_url)
    if is_by_socket(url) and url.username not in (None, _own_name()):
        # Each try, once a minute from the agent, would be a warning in the database's journal.
        return Look(False, f"Access denied for user {url.username!r}: {_own_name()!r} is another one")
    found = schema.status(database_url)
    if not found.reachable:
        return Look(False, found.problem)
    database = Database(database_url, pool_size=1)
    try:
        database.run(lambda connection: connection.execute(text("SELECT 1")), "status")  # it connects
        began = time.perf_counter()
        database.run(lambda connection: connection.execute(text("SELECT 1")), "status")
        seconds = time.perf_counter() - began
    except StorageError as error:
        return Look(False, str(error))
    finally:
        database.close()
    problem = None if found.ready else found.problem or "not ready"
    return Look(True, problem, tuple(found.pending), seconds)


def _own_name() -> str:
    """Whom MariaDB takes us for at its unix socket."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""
