"""The rest of the group core: domains, permissions, preferences, gateways, stored messages."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, UniqueConstraint
from sqlalchemy.dialects import mysql

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    long_bytes,
    number,
    optional,
    positive,
    small,
    small_positive,
    text,
    username,
    when,
)
from appliance.storage.tables.core import metadata

served_domain = Table(
    "domain",
    metadata,
    identity(),
    domain(),
    when("last_modified"),
    # Several names with one did are one domain; its first row is the canonical name.
    optional("did", 64),
    optional("digest_realm", 128),
    UniqueConstraint("domain", name="domain"),
    Index("domain_did", "did"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

# What is set for all names of a domain: `did`, or the name itself where its row has none.
domain_attrs = Table(
    "domain_attrs",
    metadata,
    identity(),
    # As long as a name, because it may be one, and compared as names are.
    domain("did"),
    text("name", 32),
    number("type"),
    text("value", 255),
    when("last_modified"),
    UniqueConstraint("did", "name", "value", name="domain_attribute"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

uri = Table(
    "uri",
    metadata,
    identity(),
    username(),
    domain(),
    text("uri_user", 64),
    when("last_modified"),
    UniqueConstraint("username", "domain", "uri_user", name="uri_user"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

grp = Table(
    "grp",
    metadata,
    identity(),
    username(),
    domain(),
    text("grp", 50),
    when("last_modified"),
    UniqueConstraint("username", "domain", "grp", name="grp_user"),
    info={"version": 2},
    **TABLE_OPTIONS,
)

re_grp = Table(
    "re_grp",
    metadata,
    identity(),
    text("reg_exp", 128),
    number("group_id"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

usr_preferences = Table(
    "usr_preferences",
    metadata,
    identity(),
    text("uuid", 64),
    username(),
    domain(),
    text("attribute", 32),
    number("type"),
    text("value", 255),
    when("last_modified"),
    Index("preference_uuid", "uuid", "attribute"),
    Index("preference_user", "username", "domain", "attribute"),
    info={"version": 2},
    **TABLE_OPTIONS,
)

speed_dial = Table(
    "speed_dial",
    metadata,
    identity(),
    username(),
    domain(),
    username("sd_username"),
    domain("sd_domain"),
    text("new_uri", 255),
    text("fname", 128),
    text("lname", 128),
    text("description", 64),
    UniqueConstraint("username", "domain", "sd_domain", "sd_username", name="speed_dial_number"),
    info={"version": 2},
    **TABLE_OPTIONS,
)

trusted = Table(
    "trusted",
    metadata,
    identity(),
    text("src_ip", 39),
    text("proto", 4),
    optional("from_pattern", 64),
    optional("tag", 32),
    Index("trusted_source", "src_ip"),
    info={"version": 4},
    **TABLE_OPTIONS,
)

address = Table(
    "address",
    metadata,
    identity(),
    small_positive("grp"),
    text("ip_addr", 39),
    small("mask", 32),
    small_positive("port"),
    info={"version": 3},
    **TABLE_OPTIONS,
)

gw_grp = Table(
    "gw_grp",
    metadata,
    Column("grp_id", positive("grp_id").type, primary_key=True, autoincrement=True),
    text("grp_name", 64),
    info={"version": 1},
    **TABLE_OPTIONS,
)

gw = Table(
    "gw",
    metadata,
    identity(),
    text("gw_name", 128),
    positive("grp_id"),
    text("ip_addr", 39),
    Column("port", small_positive("port").type),
    Column("uri_scheme", small_positive("uri_scheme").type),
    Column("transport", small_positive("transport").type),
    Column("strip", small_positive("strip").type),
    optional("prefix", 16),
    # What stands in the Request-URI in place of the address.
    optional("hostname", 128),
    UniqueConstraint("gw_name", name="gw_name"),
    Index("gw_group", "grp_id"),
    info={"version": 4},
    **TABLE_OPTIONS,
)

lcr = Table(
    "lcr",
    metadata,
    identity(),
    optional("prefix", 16),
    optional("from_uri", 255),
    positive("grp_id"),
    small_positive("priority"),
    Index("lcr_prefix", "prefix"),
    Index("lcr_group", "grp_id"),
    info={"version": 2},
    **TABLE_OPTIONS,
)

pdt = Table(
    "pdt",
    metadata,
    identity(),
    domain("sdomain"),
    text("prefix", 32),
    domain(),
    UniqueConstraint("sdomain", "prefix", name="pdt_prefix"),
    info={"version": 1},
    **TABLE_OPTIONS,
)


silo = Table(
    "silo",
    metadata,
    identity(),
    text("src_addr", 255),
    text("dst_addr", 255),
    username(),
    domain(),
    number("inc_time"),
    number("exp_time"),
    number("snd_time"),
    text("ctype", 64, "text/plain"),
    # No default: on MariaDB a blob takes one, on SQLite an empty text would be no bytes.
    Column("body", long_bytes(), nullable=True),
    Index("silo_user", "username", "domain"),
    info={"version": 5},
    **TABLE_OPTIONS,
)

change_log = Table(
    "change_log",
    metadata,
    Column(
        "id",
        BigInteger()
        .with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb")
        .with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    text("table_name", 64),
    username(),
    domain(),
    when("changed"),
    Index("change_log_changed", "changed"),
    sqlite_autoincrement=True,
    **TABLE_OPTIONS,
)
