"""The tables of the group presence."""

from __future__ import annotations

from alembic import op

from appliance.storage.migrations.steps import make_tables

revision = "presence_0001"
down_revision = None
branch_labels = ("presence",)
depends_on = "core_0001"


def upgrade() -> None:
    make_tables(op.get_bind(), "presence")
