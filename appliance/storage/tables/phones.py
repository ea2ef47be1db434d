"""The group phones: desk phones that the agent serves their configuration, and what asked and is unknown.

Always made together with the core. A phone is known by its MAC, twelve hexadecimal digits in lower case.
``serial`` grows whenever an administrator changes what the phone is to know; ``served`` is the serial of the
last configuration that was handed out, so the two are equal on a phone that is up to date. ``secret`` is a
SIP password as ``provisioning/vault.py`` seals it: this room, and a backup of its rows, cannot read it.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

from appliance.storage.tables.columns import (
    TABLE_OPTIONS,
    domain,
    identity,
    long_text,
    moment,
    positive,
    small_positive,
    text,
    username,
    when,
)

metadata = MetaData()

phone = Table(
    "phone",
    metadata,
    identity(),
    text("mac", 12),
    text("vendor", 32),
    text("model", 64),
    text("token", 64),
    # What is looked up by an index is not the token itself: how long that takes tells nothing about it.
    text("token_hash", 64),
    small_positive("enabled", 1),
    Column("options", long_text(), nullable=True),
    positive("serial", 1),
    positive("served"),
    Column("first_seen", moment(), nullable=True),
    Column("last_seen", moment(), nullable=True),
    text("last_address", 45),
    text("user_agent", 255),
    text("managed_by", 16),
    when("created"),
    when("modified"),
    UniqueConstraint("mac", name="phone_mac"),
    UniqueConstraint("token_hash", name="phone_token"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

phone_line = Table(
    "phone_line",
    metadata,
    identity(),
    text("mac", 12),
    small_positive("line", 1),
    username(),
    domain(),
    text("auth_user", 64),
    text("display_name", 128),
    text("label", 64),
    text("voicemail", 64),
    text("secret", 1024),
    UniqueConstraint("mac", "line", name="phone_line_number"),
    Index("phone_line_user", "username", "domain"),
    info={"version": 1},
    **TABLE_OPTIONS,
)

phone_seen = Table(
    "phone_seen",
    metadata,
    identity(),
    text("mac", 12),
    text("vendor", 32),
    text("how", 8),
    text("address", 45),
    text("user_agent", 255),
    positive("times", 1),
    when("first_seen"),
    when("last_seen"),
    UniqueConstraint("mac", name="phone_seen_mac"),
    Index("phone_seen_last", "last_seen"),
    info={"version": 1},
    **TABLE_OPTIONS,
)
