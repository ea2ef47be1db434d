"""The group extra: instant messaging conferences, CPL scripts, traced messages, domain policies."""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    long_text,
    number,
    optional,
    text,
    username,
    when,
)

metadata = MetaData()

cpl = Table(
    "cpl",
    metadata,
    identity(),
    username(),
    domain(),
    Column("cpl_xml", long_text(), nullable=True),
    Column("cpl_bin", long_text(), nullable=True),
    UniqueConstraint("username", "domain", name="cpl_user"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

imc_rooms = Table(
    "imc_rooms",
    metadata,
    identity(),
    text("name", 128),
    domain(),
    number("flag"),
    UniqueConstraint("name", "domain", name="imc_rooms_name"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

imc_members = Table(
    "imc_members",
    metadata,
    identity(),
    text("user", 128),
    domain(),
    text("room", 64),
    number("flag"),
    UniqueConstraint("user", "domain", "room", name="imc_members_user"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

sip_trace = Table(
    "sip_trace",
    metadata,
    identity(),
    when("date"),
    text("callid", 255),
    text("traced_user", 128),
    Column("msg", long_text(), nullable=True),
    text("method", 50),
    text("status", 255),
    text("fromip", 50),
    text("toip", 50),
    text("fromtag", 128),
    text("direction", 4),
    Index("sip_trace_user", "traced_user"),
    Index("sip_trace_date", "date"),
    Index("sip_trace_source", "fromip"),
    Index("sip_trace_callid", "callid"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

domainpolicy = Table(
    "domainpolicy",
    metadata,
    identity(),
    text("rule", 255),
    text("type", 255),
    optional("att", 255),
    optional("val", 128),
    optional("comment", 255),
    UniqueConstraint("rule", "att", "val", name="domainpolicy_rule"),
    info={"version": 2},
    **TABLE_OPTIONS,
)
