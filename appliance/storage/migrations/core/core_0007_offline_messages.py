"""The triggers that tell of messages in ``silo``, where any worker may have kept one, and of ``pdt``."""

from __future__ import annotations

from alembic import op

from appliance.storage.triggers import make_triggers

revision = "core_0007"
down_revision = "core_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_triggers(op.get_bind())
