"""``domain_attrs``, and the triggers that tell of its changes: what is set for all names of a domain."""

from __future__ import annotations

from alembic import op

from appliance.storage.migrations.steps import make_tables
from appliance.storage.triggers import make_triggers

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_tables(op.get_bind(), "core")
    make_triggers(op.get_bind())
