"""Triggers that write into ``change_log`` what somebody changed, so that plain SQL takes effect within a
second.
"""

from __future__ import annotations

from alembic import op

from appliance.storage.triggers import make_triggers

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_triggers(op.get_bind())
