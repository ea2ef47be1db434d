"""Rows: what is kept in MariaDB or SQLite, and how it gets there and back.

::

    tables/          the 37 tables of OpenSER 1.2 by group, with what is new in them
    migrations/      how an older database becomes today's
    schema, rights   create, drop, upgrade, status; the MariaDB database and its users
    backup           all rows in one file, and back
    administration/  what the command line adds and removes

    engine           one database: its pool, whether it is there, transactions that are tried again
    connecting       how a connection is opened
    failures         what a driver's error means: away, refused, or worth another try
    durability       whether a commit is on the disk

    directory        all of the following put together for one SIP process
    subscribers      credentials, resident (shared_reads: many misses, one query)
    names            served domains and aliases, resident
    user_rows        preferences and speed dials of users, resident
    silo, site_prefixes  messages for users who are away; prefixes of other sites
    triggers, changes    the change log, by which plain SQL takes effect within a second

    bindings         the writer of bindings: the four location modes
    group_commit, write_back     when a binding is written
    location_writes, spool       where: the database, or the disk while it is away
    location_rows, location_mariadb, location_sqlite, channel    how
    loading          bindings read back when the server starts

This room knows neither SIP text nor sockets nor transactions.
"""

from __future__ import annotations
