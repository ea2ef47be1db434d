"""The group presence: presentities, their watchers, XCAP documents and publications."""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    long_bytes,
    long_text,
    number,
    optional,
    text,
    username,
)

metadata = MetaData()

presentity = Table(
    "presentity",
    metadata,
    identity(),
    username(),
    domain(),
    text("event", 64),
    text("etag", 64),
    number("expires"),
    number("received_time"),
    Column("body", long_bytes(), nullable=True),
    UniqueConstraint("username", "domain", "event", "etag", name="presentity_etag"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

active_watchers = Table(
    "active_watchers",
    metadata,
    identity(),
    username("pres_user"),
    domain("pres_domain"),
    username("from_user"),
    domain("from_domain"),
    username("to_user"),
    domain("to_domain"),
    text("event", 64, "presence"),
    optional("event_id", 64),
    text("to_tag", 128),
    text("from_tag", 128),
    text("callid", 255),
    number("local_cseq"),
    number("remote_cseq"),
    text("contact", 2048),
    Column("record_route", long_text(), nullable=True),
    number("expires"),
    text("status", 32, "pending"),
    number("version"),
    text("socket_info", 128),
    text("local_contact", 255),
    UniqueConstraint("to_tag", "from_tag", "callid", name="active_watchers_dialog"),
    Index("active_watchers_presentity", "pres_domain", "pres_user", "event"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

watchers = Table(
    "watchers",
    metadata,
    identity(),
    username("p_user"),
    domain("p_domain"),
    username("w_user"),
    domain("w_domain"),
    text("subs_status", 64),
    optional("reason", 64),
    number("inserted_time"),
    UniqueConstraint("p_user", "p_domain", "w_user", "w_domain", name="watchers_pair"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

xcap_xml = Table(
    "xcap_xml",
    metadata,
    identity(),
    username(),
    domain(),
    Column("xcap", long_text(), nullable=True),
    number("doc_type"),
    UniqueConstraint("username", "domain", "doc_type", name="xcap_xml_document"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

pua = Table(
    "pua",
    metadata,
    identity(),
    text("pres_uri", 255),
    text("pres_id", 128),
    number("event"),
    number("expires"),
    number("flag"),
    text("etag", 128),
    text("tuple_id", 128),
    text("watcher_uri", 255),
    text("call_id", 255),
    text("to_tag", 128),
    text("from_tag", 128),
    number("cseq"),
    Column("record_route", long_text(), nullable=True),
    number("version"),
    info={"version": 1},
    **TABLE_OPTIONS,
)
