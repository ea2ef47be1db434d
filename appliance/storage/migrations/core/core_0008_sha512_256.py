"""``ha1_sha512_256``: a subscriber's hash for the third algorithm of RFC 8760."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

from appliance.storage.migrations.steps import make_tables
from appliance.storage.tables.columns import text

revision = "core_0008"
down_revision = "core_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_tables(op.get_bind(), "core")
    # A new database has it from its first step.
    there = {column["name"] for column in inspect(op.get_bind()).get_columns("subscriber")}
    if "ha1_sha512_256" not in there:
        op.add_column("subscriber", text("ha1_sha512_256", 128))
