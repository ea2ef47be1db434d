"""The group serweb: the tables of the web interface of that name. Its columns of ``subscriber`` are always
there.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, PrimaryKeyConstraint, String, Table, UniqueConstraint
from sqlalchemy.dialects import mysql

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    long_text,
    number,
    optional,
    positive,
    real,
    text,
    unique_token,
    username,
    when,
)

metadata = MetaData()

active_sessions = Table(
    "active_sessions",
    metadata,
    text("sid", 32),
    text("name", 32),
    Column("val", long_text(), nullable=True),
    text("changed", 14),
    PrimaryKeyConstraint("name", "sid"),
    Index("active_sessions_changed", "changed"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

admin_privileges = Table(
    "admin_privileges",
    metadata,
    username(),
    domain(),
    text("priv_name", 64),
    text("priv_value", 64),
    PrimaryKeyConstraint("username", "priv_name", "priv_value", "domain"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

_letter = String(1).with_variant(mysql.CHAR(1), "mysql", "mariadb")

pending = Table(
    "pending",
    metadata,
    identity(),
    Column("phplib_id", String(32), nullable=False, server_default=unique_token()),
    username(),
    domain(),
    text("password", 25),
    text("first_name", 25),
    text("last_name", 45),
    text("phone", 15),
    text("email_address", 50),
    when("datetime_created"),
    when("datetime_modified"),
    text("confirmation", 64),
    Column("flag", _letter, nullable=False, server_default="o"),
    text("sendnotification", 50),
    text("greeting", 50),
    text("ha1", 128),
    text("ha1b", 128),
    Column("allow_find", _letter, nullable=False, server_default="0"),
    optional("timezone", 128),
    optional("rpid", 128),
    UniqueConstraint("username", "domain", name="pending_user"),
    UniqueConstraint("phplib_id", name="pending_phplib_id"),
    info={"version": 6},
    **TABLE_OPTIONS,
)

phonebook = Table(
    "phonebook",
    metadata,
    identity(),
    username(),
    domain(),
    text("fname", 32),
    text("lname", 32),
    text("sip_uri", 255),
    info={"version": 1},
    **TABLE_OPTIONS,
)

server_monitoring = Table(
    "server_monitoring",
    metadata,
    when("time"),
    Column("id", positive("id").type, nullable=False, server_default="0"),
    text("param", 32),
    number("value"),
    number("increment"),
    PrimaryKeyConstraint("id", "param"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

server_monitoring_agg = Table(
    "server_monitoring_agg",
    metadata,
    text("param", 32, primary_key=True),
    number("s_value"),
    number("s_increment"),
    number("last_aggregated_increment"),
    real("av"),
    number("mv"),
    real("ad"),
    number("lv"),
    number("min_val"),
    number("max_val"),
    number("min_inc"),
    number("max_inc"),
    when("lastupdate"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

usr_preferences_types = Table(
    "usr_preferences_types",
    metadata,
    text("att_name", 32, primary_key=True),
    text("att_rich_type", 32, "string"),
    number("att_raw_type", 2),
    Column("att_type_spec", long_text(), nullable=True),
    text("default_value", 100),
    info={"version": 1},
    **TABLE_OPTIONS,
)
