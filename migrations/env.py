"""Runs the migrations, from `store.schema` alone: with its connection, or offline for a DBA (`db upgrade --sql`)."""

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
        transactional_ddl=True,
        dialect_opts={"paramstyle": "named"},  # else each percent sign is doubled for a driver that is not there
        output_buffer=context.config.attributes["output"],
    )
else:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=lambda name, kind, _parents: kind != "table" or str(name).startswith("jurat_"),
        # Of a step back: an upgrade runs within a transaction of `store.schema`. SQLite's one lock ends with its own.
        transaction_per_migration=connection.dialect.name != "sqlite",
        transactional_ddl=True,  # of SQLite too: jurat.database begins transactions itself, Python's driver does not
    )
with context.begin_transaction():
    context.run_migrations()
