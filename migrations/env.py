"""Runs the migrations, from `tasks.schema` alone: with its connection, or offline for a DBA (`db upgrade --sql`)."""

from __future__ import annotations

from alembic import context

from jurat.tables import metadata

VERSION_TABLE = "jurat_alembic_version"

if context.is_offline_mode():
    context.configure(
        dialect_name=context.config.attributes["dialect"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        literal_binds=True,
        output_buffer=context.config.attributes["output"],
    )
else:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=lambda name, kind, _parents: kind != "table" or str(name).startswith("jurat_"),
        transaction_per_migration=True,
    )
with context.begin_transaction():
    context.run_migrations()
