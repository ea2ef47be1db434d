"""The group core: what a proxy and registrar needs, under OpenSER 1.2's names.

New beside OpenSER's columns: a subscriber's ``ha1_sha256`` and ``ha1_sha512_256`` (RFC 8760) and
``managed_by``; a binding's ``ruid`` (its key), ``instance`` and ``reg_id`` (RFC 5626); a domain's ``did``,
which several names may share, and ``digest_realm``; ``change_log``, into which triggers write what somebody
changed. Contact and Path are long enough for today (2,048).

``location`` has no more indexes than a lookup needs: most writes are refreshes, and an index on a column that
each refresh changes would double what they cost. On MariaDB its rows lie in the order of ``ruid``
(``cluster_by_ruid``), which saves each refresh the way through a second tree: measured, a third of the
server's time.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    inspect,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    moment,
    number,
    optional,
    positive,
    small_positive,
    text,
    unique_token,
    unsigned,
    username,
    when,
)

metadata = MetaData()

version = Table(
    "version",
    metadata,
    Column("table_name", String(64), primary_key=True),
    small_positive("table_version"),
    **TABLE_OPTIONS,
)

subscriber = Table(
    "subscriber",
    metadata,
    identity(),
    username(),
    domain(),
    text("password", 25),
    text("first_name", 25),
    text("last_name", 45),
    text("email_address", 50),
    when("datetime_created"),
    text("ha1", 128),
    text("ha1b", 128),
    optional("timezone", 128),
    optional("rpid", 128),
    # The text that serweb asks to be unique; nobody has to think one up.
    Column("phplib_id", String(32), nullable=False, server_default=unique_token()),
    text("phone", 15),
    when("datetime_modified"),
    text("confirmation", 64),
    Column(
        "flag", String(1).with_variant(mysql.CHAR(1), "mysql", "mariadb"), nullable=False, server_default="o"
    ),
    text("sendnotification", 50),
    text("greeting", 50),
    Column(
        "allow_find",
        String(1).with_variant(mysql.CHAR(1), "mysql", "mariadb"),
        nullable=False,
        server_default="0",
    ),
    text("ha1_sha256", 128),
    text("ha1_sha512_256", 128),
    # For registrar.case_sensitive = false: found by an index all the same.
    Column("username_folded", String(64), Computed("lower(username)", persisted=False)),
    # Whose word the row is: "apply" when it comes from a file of subscribers, "" when somebody added it.
    text("managed_by", 16),
    UniqueConstraint("username", "domain", name="user_id"),
    UniqueConstraint("phplib_id", name="phplib_id"),
    Index("username_folded_id", "username_folded"),
    info={"version": 6},
    sqlite_autoincrement=True,
    # OpenSER's script makes an administrator with the id 1. We make none, and his number stays free.
    mysql_auto_increment="2",
    **TABLE_OPTIONS,
)


@event.listens_for(subscriber, "after_create")
def _begin_at_two(_target: Table, connection: Connection, **_kwargs: object) -> None:
    """SQLite keeps its counter in a table of its own."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'subscriber'")
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('subscriber', 1)")


def _contact_columns() -> list[Column[object]]:
    """What ``location`` and ``aliases`` share."""
    return [
        username(),
        domain(),
        text("contact", 2048),
        optional("received", 255),
        optional("path", 2048),
        Column("expires", moment(), nullable=False, server_default="2030-05-28 21:32:15"),
        Column(
            "q",
            Float().with_variant(mysql.FLOAT(10, 2), "mysql", "mariadb"),
            nullable=False,
            server_default="1.0",
        ),
        text("callid", 512, "Default-Call-ID"),
        positive("cseq", 13),
        when("last_modified"),
        positive("flags"),
        positive("cflags"),
        text("user_agent", 255),
        optional("socket", 128),
        Column("methods", unsigned(), nullable=True),
    ]


location = Table(
    "location",
    metadata,
    Column(
        "id",
        # Each refresh draws a number, used or not: 32 bits would last a large site some years only.
        BigInteger()
        .with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb")
        .with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column(
        "ruid",
        String(64).with_variant(String(64, collation="ascii_bin"), "mysql", "mariadb"),
        nullable=False,
        server_default=unique_token(),
    ),
    *_contact_columns(),
    optional("instance", 255),
    number("reg_id"),
    UniqueConstraint("ruid", name="location_ruid"),
    Index("location_user", "username", "domain"),
    info={"version": 1004},
    **TABLE_OPTIONS,
)


def cluster_by_ruid(connection: Connection) -> None:
    """Make ``ruid`` the primary key of ``location`` on MariaDB; SQLite's rows lie by their id."""
    if connection.dialect.name == "sqlite":
        return
    if inspect(connection).get_pk_constraint("location")["constrained_columns"] != ["ruid"]:
        connection.exec_driver_sql(
            "ALTER TABLE location DROP PRIMARY KEY, DROP KEY location_ruid,"
            " ADD PRIMARY KEY (ruid), ADD KEY location_id (id)"
        )


aliases = Table(
    "aliases",
    metadata,
    identity(),
    *_contact_columns(),
    Index("aliases_user", "username", "domain"),
    info={"version": 1004},
    **TABLE_OPTIONS,
)

dbaliases = Table(
    "dbaliases",
    metadata,
    identity(),
    username("alias_username"),
    domain("alias_domain"),
    username(),
    domain(),
    UniqueConstraint("alias_username", "alias_domain", name="alias"),
    Index("dbaliases_user", "username", "domain"),
    info={"version": 1},
    **TABLE_OPTIONS,
)
