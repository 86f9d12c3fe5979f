"""How many transfers and erasures a user of the database may ask for in an hour, and when one had asked for as many.

On PostgreSQL, for whoever asks by a function alone: a platform, and not an administrator or the owner, who may store
such a request themselves. A web tier whose password was stolen so erases no consultation within a minute. The row of a
user is made with their first request, and its lock is held to the end of their transaction: nobody counts past it. The
last request that is allowed is written down with it, for `doctor`: what is refused leaves nothing behind. Times are of
the moment behind that lock: a statement that waited for it began before the hour did.

SQLite knows no users; its table stays empty.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from jurat.columns import Moment

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

PER_HOUR = 100

COUNT = f"""
CREATE FUNCTION jurat_count_asked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  mine record;
BEGIN
  INSERT INTO jurat_allowances AS a (login, per_hour, began_at, used, reached_at)
  VALUES (session_user, {PER_HOUR}, clock_timestamp(), 1, NULL)
  ON CONFLICT (login) DO UPDATE SET
    used = CASE WHEN a.began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()
                THEN a.used ELSE 0 END + 1,
    began_at = CASE WHEN a.began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()
                    THEN a.began_at ELSE clock_timestamp() END
  RETURNING a.used, a.per_hour, a.began_at INTO mine;
  IF mine.used > mine.per_hour THEN
    RAISE EXCEPTION USING ERRCODE = 'JU013',
      MESSAGE = format('jurat: this user of the database may ask for %s transfers and erasures an hour, and for no '
                       'more before %s UTC', mine.per_hour,
                       to_char((mine.began_at + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      HINT = 'Ask again then. An administrator may ask for them by `bin/jurat erase`, or raise per_hour in '
             'jurat_allowances.';
  END IF;
  IF mine.used = mine.per_hour THEN
    UPDATE jurat_allowances a SET reached_at = clock_timestamp() WHERE a.login = session_user;
  END IF;
  RETURN NULL;
END $$
"""

COUNTED = """
CREATE TRIGGER jurat_requests_counted AFTER INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.kind IN ('transfer', 'erase')
      AND NOT has_column_privilege(session_user, 'jurat_requests'::regclass, 'target', 'INSERT'))
EXECUTE FUNCTION jurat_count_asked()
"""

# As in 0016, but that it says of too many what the others raise.
TRY_ASK = """
CREATE OR REPLACE FUNCTION jurat_try_ask(
  kind text, consultation text, participant text, target text, by_whom text, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  said text;
BEGIN
  IF jurat_try_ask.kind IN ('transfer', 'erase') IS NOT TRUE THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', 'kind must be transfer or erase';
    RETURN;
  END IF;
  BEGIN
    RETURN QUERY SELECT * FROM jurat_ask(
      jurat_try_ask.kind, jurat_try_ask.consultation, jurat_try_ask.participant, NULL, jurat_try_ask.target,
      coalesce(jurat_try_ask.by_whom, session_user::text), jurat_try_ask.id);
  EXCEPTION WHEN SQLSTATE 'JU013' THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
    RETURN QUERY SELECT NULL::uuid, 'JU013', substr(said, 8);
  END;
END $$
"""

PINNED = """
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{}'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""


def _released(file: str, name: str) -> Any:
    """What a released migration has under a name."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def upgrade() -> None:
    op.create_table(
        "jurat_allowances",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("per_hour", sa.Integer(), nullable=False),
        sa.Column("began_at", Moment(), nullable=True),
        sa.Column("used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reached_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("login"),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name != "postgresql":
        return
    for statement in (
        COUNT,
        COUNTED,
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_counted",
        TRY_ASK,
        PINNED.format("jurat_count_asked', 'jurat_try_ask"),
        "REVOKE ALL ON FUNCTION jurat_count_asked FROM PUBLIC",
    ):
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        former = _released("0016_persons.py", "TRY_ASK").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        for statement in (
            former,
            PINNED.format("jurat_try_ask"),
            "DROP TRIGGER jurat_requests_counted ON jurat_requests",
            "DROP FUNCTION jurat_count_asked",
        ):
            op.execute(statement)
    op.drop_table("jurat_allowances")
