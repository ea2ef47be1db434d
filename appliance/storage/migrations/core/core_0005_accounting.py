"""``cdrs``, and what ``acc`` and ``missed_calls`` say beside OpenSER's columns: who called whom from where.

Some of these columns are those that administrators of OpenSER and Kamailio have added by themselves.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

from appliance.storage.migrations.steps import make_tables
from appliance.storage.tables.accounting import call_columns, call_index

revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_tables(op.get_bind(), "core")
    for table in ("acc", "missed_calls"):
        # A new database has them from its first step.
        there = {column["name"] for column in inspect(op.get_bind()).get_columns(table)}
        for column in call_columns():
            if column.name not in there:
                op.add_column(table, column)
        index = call_index(table)
        columns = [str(each) for each in index.expressions]
        for known in inspect(op.get_bind()).get_indexes(table):
            if known["name"] == index.name and known["column_names"] != columns:
                op.drop_index(str(index.name), table)
                op.create_index(index.name, table, columns, unique=True)
