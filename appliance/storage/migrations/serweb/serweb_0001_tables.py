"""The tables of the group serweb."""

from __future__ import annotations

from alembic import op

from appliance.storage.migrations.steps import make_tables

revision = "serweb_0001"
down_revision = None
branch_labels = ("serweb",)
depends_on = "core_0001"


def upgrade() -> None:
    make_tables(op.get_bind(), "serweb")
