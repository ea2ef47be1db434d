"""``gw.hostname``, and the triggers that tell of changed gateways and routes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

from appliance.storage.tables.columns import optional
from appliance.storage.triggers import make_triggers

revision = "core_0006"
down_revision = "core_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A new database has it from its first step.
    if "hostname" not in {column["name"] for column in inspect(op.get_bind()).get_columns("gw")}:
        op.add_column("gw", optional("hostname", 128))
    make_triggers(op.get_bind())
