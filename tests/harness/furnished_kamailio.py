"""A real Kamailio with subscribers, an alias, permissions, a domain and a peer: what people move from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.kamailio import Kamailio
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK

DOMAIN = "example.org"
_FIRST = 100


def phone_of(kamailio: Kamailio, number: int) -> Phone:
    """The phone of the ``number``-th subscriber, counted from 0."""
    return Phone(f"{_FIRST + number}", f"pw-{number}", proxy=(LOOPBACK, kamailio.port), domain=DOMAIN)


@contextmanager
def furnished_kamailio(mariadb: MariaDB, subscribers: int) -> Iterator[Kamailio]:
    """It runs, and what is registered is in its database before the 200 OK."""
    mariadb.sql("drop database if exists kamailio")
    with Kamailio("seed", 1, mariadb) as server:
        server.create_database(("alias_db", "domain", "group", "permissions"))
        server.add_subscribers(
            {f"{_FIRST + n}": _ha1(f"{_FIRST + n}", f"pw-{n}") for n in range(subscribers)}, DOMAIN
        )
        mariadb.sql(
            "insert into dbaliases (alias_username, alias_domain, username, domain) values"
            f" ('reception', '{DOMAIN}', '100', '{DOMAIN}'), ('nobody', '{DOMAIN}', 'gone', '{DOMAIN}')",
            "kamailio",
        )
        mariadb.sql(f"insert into domain (domain) values ('{DOMAIN}')", "kamailio")
        mariadb.sql(
            "insert into grp (username, domain, grp) values"
            f" ('100', '{DOMAIN}', 'ld'), ('101', '{DOMAIN}', 'x')",
            "kamailio",
        )
        mariadb.sql("insert into address (ip_addr, mask) values ('192.0.2.64', 28)", "kamailio")
        server.start()
        yield server
    mariadb.sql("drop database kamailio")


def _ha1(user: str, password: str) -> str:
    return hashlib.md5(f"{user}:{DOMAIN}:{password}".encode()).hexdigest()
