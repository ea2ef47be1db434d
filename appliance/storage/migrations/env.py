"""Alembic's entry: runs the steps on the connection that ``schema`` hands over, each in a transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_step"],
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
