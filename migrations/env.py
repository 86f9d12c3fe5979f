"""Runs migrations, only from `store.schema`: with its connection, or offline for a DBA (`db upgrade --sql`).

A new database gets the scripts of `migrations/sql/` and the newest revision, all in one transaction.
"""

from __future__ import annotations

from alembic import context

from store.schema.baseline import PATH, run
from store.schema.status import VERSION_TABLE

attributes = context.config.attributes
scripts: list[str] = attributes.get("scripts", [])

if context.is_offline_mode():
    dialect = attributes["dialect"]
    context.configure(
        dialect_name=dialect,
        version_table=VERSION_TABLE,
        literal_binds=True,
        transactional_ddl=True,
        dialect_opts={"paramstyle": "named"},  # or each percent sign is doubled for a driver that is not there
        output_buffer=attributes["output"],
    )
else:
    connection = attributes["connection"]
    dialect = connection.dialect.name
    context.configure(
        connection=connection,
        version_table=VERSION_TABLE,
        transactional_ddl=True,  # of SQLite too: jurat.database begins transactions itself, Python's driver does not
    )

if dialect == "postgresql":
    scripts = [f"{PATH};", *scripts]
with context.begin_transaction():
    if context.is_offline_mode():
        for script in scripts:
            context.static_output(script)
    else:
        run(connection, scripts)
    context.run_migrations()
