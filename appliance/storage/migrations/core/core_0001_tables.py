"""The tables of the group core."""

from __future__ import annotations

from alembic import op

from appliance.storage.migrations.steps import make_tables

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None


def upgrade() -> None:
    make_tables(op.get_bind(), "core")
