"""How long a start takes with many bindings in the database, and what memory each binding takes."""

from __future__ import annotations

import time

from benchmarks.load import Bench
from benchmarks.processor_time import resident_bytes
from benchmarks.servers import Running
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK
from tests.harness.waiting import wait_until

_WITHIN = 600.0
#: The first user of the bindings that nobody calls; subscribers have lower numbers.
_FIRST = 2_000_000


def fill(running: Running, bench: Bench, count: int) -> int:
    """See to it that ``count`` bindings are in the database, and that the server is stopped.

    The answer is the memory of the idle server with next to none. Rows are copies of one that the server
    itself has written, with other users.
    """
    bench.check(running.server)
    idle = resident_bytes(running.pids)
    running.stop()
    columns = [
        name
        for (name,) in running.mariadb.sql(
            "select column_name from information_schema.columns"
            f" where table_schema = '{running.database}' and table_name = 'location'"
            " and extra not like '%auto_increment%'"
        )
    ]
    changed = {
        "ruid": "concat('filled-', s.seq)",
        "username": "s.seq",
        "contact": f"concat('sip:', s.seq, '@127.0.0.1:{bench.contact_port}')",
        "callid": "concat('filled-', s.seq, '@127.0.0.1')",
        "expires": "date_add(l.expires, interval 1 day)",
    }
    names = ", ".join(f"`{name}`" for name in columns)
    values = ", ".join(changed.get(name, f"l.`{name}`") for name in columns)
    running.mariadb.sql(
        f"insert into location ({names}) select {values} from (select * from location limit 1) l,"
        f" seq_{_FIRST}_to_{_FIRST + count - 3} s",  # two phones are registered already
        running.database,
    )
    return idle


def start(running: Running, bench: Bench, count: int, idle: int) -> dict[str, float]:
    """Start it: seconds to the first call that is answered and until ``count`` bindings are in memory, and
    bytes a binding over ``idle``. The server is stopped again.
    """
    # A row that is read late: who answers while loading has to find it.
    last = str(_FIRST + count - 3)
    with bench.callee():
        begun = time.monotonic()
        running.start()
        running.box.wait_until_ready(_WITHIN)
        wait_until(
            "a call goes through", lambda: _call(running.server.port, bench.users[0], last), timeout=_WITHIN
        )
        called = time.monotonic() - begun
        wait_until(f"{count} bindings are loaded", lambda: running.bindings() >= count, timeout=_WITHIN)
        loaded = time.monotonic() - begun
    memory = (resident_bytes(running.pids) - idle) / count
    running.stop()
    return {"first call, s": called, "all loaded, s": loaded, "memory a binding, bytes": memory}


def _call(port: int, caller: str, callee: str) -> bool:
    with Phone(caller, f"pw{caller}", proxy=(LOOPBACK, port)) as phone:
        request = phone.invite(callee)
        answer = phone.final(request)
        if answer.status != 200:
            phone.send(phone.ack(request, answer))
            return False
        dialog = phone.dialog_as_caller(request, answer)
        phone.send(phone.within(dialog, "ACK"))
        bye = phone.within(dialog, "BYE")
        phone.send(bye)
        return phone.final(bye).status == 200
