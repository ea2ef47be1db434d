"""Many subscribers and many bindings put into a server's database, within seconds and by SQL alone."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kamailio import Kamailio
from benchmarks.servers import Running, subscribers
from tests.harness.waiting import wait_until

#: The first user of bindings that no load is driven at; subscribers of loads have lower numbers.
FIRST = 2_000_000
_AT_ONCE = 200_000
_FEW_PAGES = 200


def fill_bindings(running: Running, first: int, count: int, but: Iterable[str] = ()) -> None:
    """Bindings of the users ``first`` and up; ``but`` are users that have one.

    Rows are copies of one that the server itself has written, with other users; so it has to have one.
    """
    columns = [
        name
        for (name,) in running.mariadb.sql(
            "select column_name from information_schema.columns"
            f" where table_schema = '{running.database}' and table_name = 'location'"
            " and extra not like '%auto_increment%'"
        )
    ]
    user = "concat(':', l.username, '@')"
    changed = {
        "ruid": "left(md5(s.seq), 24)",  # as random as the server's own
        "username": "s.seq",
        "contact": f"replace(l.contact, {user}, concat(':', s.seq, '@'))",
        "callid": "concat('filled-', s.seq, '@127.0.0.1')",
        "expires": "date_add(l.expires, interval 1 day)",
    }
    names = ", ".join(f"`{name}`" for name in columns)
    values = ", ".join(changed.get(name, f"l.`{name}`") for name in columns)
    running.mariadb.sql("create table template as select * from location limit 1", running.database)
    others = "','".join(but)
    for begin, end in parts(first, count):
        running.mariadb.sql(
            f"insert into location ({names}) select {values} from template l, seq_{begin}_to_{end} s"
            f" where s.seq not in ('{others}') order by 1",
            running.database,
        )
    running.mariadb.sql("drop table template", running.database)


def last_read(running: Running) -> str:
    """The user whose binding the server reads last at a start: rows lie by ``ruid`` here, by ``id`` there."""
    order = "id" if isinstance(running.box, Kamailio) else "ruid"
    ((user,),) = running.mariadb.sql(
        f"select username from location order by {order} desc limit 1", running.database
    )
    return user


def parts(first: int, count: int) -> list[tuple[int, int]]:
    """``count`` numbers from ``first`` on, in pieces that one statement takes in a few seconds."""
    last = first + count - 1
    return [(begin, min(begin + _AT_ONCE - 1, last)) for begin in range(first, last + 1, _AT_ONCE)]


def fill_subscribers(running: Running, count: int) -> None:
    """``count`` subscribers for loads, put in while the server is stopped."""
    for begin, end in parts(1000, count):
        running.mariadb.sql(subscribers(end - begin + 1, first=begin), running.database)
    # What the triggers wrote down of them; nobody has read it, and it is as long as the table.
    running.mariadb.sql("truncate change_log", running.database)


def settle(running: Running) -> None:
    """Wait until the database has written what was put into it; a load would be blamed for that."""
    sql = running.mariadb.sql
    sql("set global innodb_max_dirty_pages_pct = 0")
    wait_until("what was filled in is on the disk", lambda: _dirty_pages(running) < _FEW_PAGES, timeout=300)
    sql("set global innodb_max_dirty_pages_pct = 90")


def _dirty_pages(running: Running) -> int:
    ((_, pages),) = running.mariadb.sql("show global status like 'Innodb_buffer_pool_pages_dirty'")
    return int(pages)
