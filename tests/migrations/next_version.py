"""A schema as a later jurat of the same contract version may leave it: everything that a version lets be added."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.rigs.logins import plain

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


_ADDED_ON_SQLITE = """
    ALTER TABLE jurat_checks ADD COLUMN appeal text;
    ALTER TABLE jurat_checks ADD COLUMN asked_again int NOT NULL DEFAULT 0;
    ALTER TABLE jurat_verdicts ADD COLUMN signature blob;
    ALTER TABLE jurat_access ADD COLUMN expires_at text;
    ALTER TABLE jurat_questions ADD COLUMN advice text NOT NULL DEFAULT '{}';
    ALTER TABLE jurat_sources ADD COLUMN region text;
    CREATE TABLE jurat_appeals (check_id text PRIMARY KEY REFERENCES jurat_checks (id), note text NOT NULL);
    CREATE INDEX jurat_checks_appeal ON jurat_checks (appeal);
    CREATE TRIGGER jurat_checks_asked AFTER INSERT ON jurat_checks BEGIN
      UPDATE jurat_checks SET asked_again = 1 WHERE id = NEW.id AND round > 1;
    END;
    UPDATE jurat_alembic_version SET version_num = '9999';"""


def one_release_later(url: str) -> None:
    """Change the schema of a database, on either engine."""
    if not url.startswith("sqlite"):
        with plain(url) as owner:
            step_ahead(owner)
        return
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as connection:
        connection.executescript(_ADDED_ON_SQLITE)
        (view,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'jurat_results'").fetchone()
        connection.executescript(
            f"DROP VIEW jurat_results; {view.replace('AS next_poll_ms', 'AS next_poll_ms, c.appeal')}"
        )


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
