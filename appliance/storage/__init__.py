"""Rows: what is kept in MariaDB or SQLite, and how it gets there and back.

::

    tables/        the 37 tables of OpenSER 1.2 by group, with what is new in them
    engine         one database: its pool, whether it is there, transactions that are tried again
    failures       what a driver's error means: away, refused, or worth another try
    schema, backup create, drop, upgrade, status, backup, restore
    migrations/    how an older database becomes today's
    subscribers    credentials, resident
    names          served domains and aliases, resident
    changes        the change log, by which plain SQL takes effect within a second
    accounts …     what the command line adds and removes
    bindings       the writer of bindings: grouped commits, the four location modes
    loading        bindings read back when the server starts
    spool          what was answered while the database was away

This room knows neither SIP text nor sockets nor transactions.
"""

from __future__ import annotations
