"""``subscriber.managed_by``: who is kept by a file of subscribers, and goes when the file has him no more."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

from appliance.storage.tables.columns import text

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A new database has it from its first step.
    if "managed_by" not in {column["name"] for column in inspect(op.get_bind()).get_columns("subscriber")}:
        op.add_column("subscriber", text("managed_by", 16))
