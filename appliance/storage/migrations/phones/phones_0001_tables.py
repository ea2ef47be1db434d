"""The tables of the group phones."""

from __future__ import annotations

from alembic import op

from appliance.storage.migrations.steps import make_tables

revision = "phones_0001"
down_revision = None
branch_labels = ("phones",)
depends_on = None


def upgrade() -> None:
    make_tables(op.get_bind(), "phones")
