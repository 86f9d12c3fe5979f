"""A schema as a later jurat of the same contract version may leave it: everything that a version lets be added."""

from __future__ import annotations

from typing import Any

import psycopg

_ADDED = """
    ALTER TABLE jurat_checks ADD COLUMN appeal text, ADD COLUMN asked_again int NOT NULL DEFAULT 0;
    ALTER TABLE jurat_verdicts ADD COLUMN signature bytea;
    ALTER TABLE jurat_access ADD COLUMN expires_at timestamptz;
    ALTER TABLE jurat_questions ADD COLUMN advice jsonb NOT NULL DEFAULT '{}';
    ALTER TABLE jurat_sources ADD COLUMN region text;
    CREATE TABLE jurat_appeals (check_id uuid PRIMARY KEY REFERENCES jurat_checks (id), note text NOT NULL);
    CREATE INDEX jurat_checks_appeal ON jurat_checks (appeal);
    CREATE FUNCTION jurat_appeal(check_id uuid, note text) RETURNS void LANGUAGE sql
      AS 'INSERT INTO jurat_appeals VALUES ($1, $2)';
    UPDATE jurat_alembic_version SET version_num = '9999'"""


def step_ahead(connection: psycopg.Connection[Any]) -> None:
    """Change the schema as its owner: further columns, tables, functions, and a further argument of `jurat_submit`."""
    connection.execute(_ADDED.encode())
    view = _one(connection, "SELECT pg_get_viewdef('jurat_results'::regclass)")
    first, rest = view.split("\n   FROM", 1)
    connection.execute(f"CREATE OR REPLACE VIEW jurat_results AS {first}, c.appeal FROM{rest}".encode())
    submit = _one(connection, "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'jurat_submit'")
    more = submit.replace(
        "traceparent text DEFAULT NULL::text)", "traceparent text DEFAULT NULL, locale text DEFAULT NULL)"
    )
    assert more != submit
    connection.execute("DROP FUNCTION jurat_submit")
    connection.execute(more.encode())
    connection.execute("GRANT EXECUTE ON FUNCTION jurat_submit TO jurat_platform")


def _one(connection: psycopg.Connection[Any], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])
