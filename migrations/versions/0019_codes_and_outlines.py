"""What a back office of administrators needs: outlines of zones to draw, codes that are given by a request, and counts.

The functions are there on PostgreSQL alone, the views on both engines. `jurat_try_add_codes` never fails, so that the
Python client leaves no transaction aborted; `jurat_add_codes` says the same as an error. The codes are sealed for the
workers, who alone have the keys that codes are hashed with.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import Document, Moment

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

NOW = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}
SQLITE_TIME = "____-__-__ __:__:__.___"

# A UUIDv7: the milliseconds of the clock, then chance.
NEW_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000::numeric)::bigint) FROM 3) FROM 1 FOR 6),
    52::bigint, 1), 53::bigint, 1), 'hex')::uuid"""

# Control, format and private-use characters and every blank but the common one, as Python's str.isprintable has them.
UNPRINTABLE = (
    r"[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]"
)

LARGEST = 4 << 20

# As `jurat.publications` says it.
NAMED = "a name has lower-case letters, digits, ''-'' and ''_'', at most 63, and begins with a letter or digit"

TRY_ADD = f"""
CREATE FUNCTION jurat_try_add_codes(
  code_list text, codes bytea, codes_key text, by_whom text, expires_at timestamptz, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_try_add_codes.id, {NEW_ID});
BEGIN
  problem := CASE
    WHEN jurat_try_add_codes.code_list ~ '^[a-z0-9][a-z0-9_-]{{0,62}}$' IS NOT TRUE
      THEN 'code_list: {NAMED}'
    WHEN octet_length(jurat_try_add_codes.codes) BETWEEN 49 AND {LARGEST} IS NOT TRUE
      OR jurat_try_add_codes.codes_key ~ '^[0-9a-f]{{16}}$' IS NOT TRUE
      THEN 'codes must be sealed, at most 10,000 of them, and codes_key the 16 hexadecimal digits of its key'
    WHEN length(btrim(jurat_try_add_codes.by_whom)) BETWEEN 1 AND 200 IS NOT TRUE
      OR jurat_try_add_codes.by_whom ~ '{UNPRINTABLE}'
      THEN 'by_whom must be 1 to 200 printable characters: who adds them'
    WHEN jurat_try_add_codes.expires_at <= statement_timestamp() OR jurat_try_add_codes.expires_at >= '9999-01-01Z'
      THEN 'expires_at must be still to come, and before the year 9999'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  INSERT INTO jurat_requests (id, kind, code_list, note, note_key, by_whom, expires_at, asked_at)
  VALUES (this_id, 'codes', jurat_try_add_codes.code_list, jurat_try_add_codes.codes, jurat_try_add_codes.codes_key,
          jurat_try_add_codes.by_whom, jurat_try_add_codes.expires_at, statement_timestamp())
  ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = 'codes'
      AND q.code_list = jurat_try_add_codes.code_list AND q.by_whom = jurat_try_add_codes.by_whom
      AND q.expires_at IS NOT DISTINCT FROM jurat_try_add_codes.expires_at) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', 'the id ' || this_id::text || ' belongs to another request';
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$
"""

ADD = """
CREATE FUNCTION jurat_add_codes(
  code_list text, codes bytea, codes_key text, by_whom text, expires_at timestamptz DEFAULT NULL, id uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
  told record;
BEGIN
  SELECT * INTO told FROM jurat_try_add_codes(code_list, codes, codes_key, by_whom, expires_at, id);
  IF told.code IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = told.code, MESSAGE = 'jurat: ' || told.problem,
      HINT = CASE told.code
        WHEN 'JU004' THEN 'Make a new id for each request, or leave it out.'
        ELSE 'Mend the call; nothing was asked.' END;
  END IF;
  RETURN told.request_id;
END $$
"""

KEPT = "of a request that is stored only the participant's id and what came of it may change"
NOT_TO_ASK = "who may store requests may not ask for this one"
EXPIRY = "expires_at is UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes it"


def _changed(differs: str) -> str:
    return f"NEW.code_list {differs} OLD.code_list OR NEW.expires_at {differs} OLD.expires_at"


# A reviewer stores requests as well; the column that sealed codes stand in is not theirs, and so is not this kind.
POSTGRESQL = (
    f"""
    CREATE TRIGGER jurat_requests_list BEFORE UPDATE ON jurat_requests FOR EACH ROW
    WHEN ({_changed("IS DISTINCT FROM")})
    EXECUTE FUNCTION jurat_refuse_change('{KEPT.replace("'", "''")}')
    """,
    f"""
    CREATE TRIGGER jurat_requests_codes BEFORE INSERT ON jurat_requests FOR EACH ROW
    WHEN (NEW.kind = 'codes' AND NOT has_column_privilege('jurat_requests'::regclass, 'note', 'INSERT'))
    EXECUTE FUNCTION jurat_refuse_change('{NOT_TO_ASK}')
    """,
)

SQLITE = (
    f"""
    CREATE TRIGGER jurat_requests_list BEFORE UPDATE ON jurat_requests WHEN {_changed("IS NOT")} BEGIN
      SELECT RAISE(ABORT, 'jurat: {KEPT.replace("'", "''")}');
    END
    """,
    f"""
    CREATE TRIGGER jurat_requests_codes BEFORE INSERT ON jurat_requests
    WHEN NEW.expires_at IS NOT NULL
      AND NOT coalesce(strftime('%Y-%m-%d %H:%M:%f', NEW.expires_at) IS NEW.expires_at
                       AND NEW.expires_at LIKE '{SQLITE_TIME}', 0) BEGIN
      SELECT RAISE(ABORT, 'jurat: {EXPIRY}');
    END
    """,
)


def _outlines(now: str) -> str:
    """Of each zone the version in force: whose time came last, the highest of several."""
    begun = "coalesce({0}.in_force_from, {0}.imported_at)".format
    return f"""
CREATE VIEW jurat_zone_outlines AS
SELECT z.name, z.title, z.version, z.outline FROM jurat_zones z
WHERE {begun("z")} <= {now} AND NOT EXISTS (
  SELECT 1 FROM jurat_zones l WHERE l.name = z.name AND {begun("l")} <= {now}
    AND ({begun("l")} > {begun("z")} OR ({begun("l")} = {begun("z")} AND l.version > z.version)))
"""


def _lists(now: str) -> str:
    counted = {
        "redeemed": "redeemed_by IS NOT NULL",
        "revoked": "revoked_at IS NOT NULL",
        "expired": f"expires_at <= {now}",
    }
    counts = ", ".join(f"count(CASE WHEN {what} THEN 1 END) AS {name}" for name, what in counted.items())
    return f"CREATE VIEW jurat_code_lists AS SELECT list, count(*) AS codes, {counts} FROM jurat_codes GROUP BY list"


VIEWS = ("jurat_zone_outlines", "jurat_code_lists")
TRIGGERS = ("jurat_requests_list", "jurat_requests_codes")
OURS = ("jurat_add_codes", "jurat_try_add_codes")

PINNED = f"""
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{"', '".join(OURS)}'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    op.add_column("jurat_zones", sa.Column("outline", Document, nullable=True))
    op.add_column("jurat_requests", sa.Column("code_list", sa.Text(), nullable=True))
    op.add_column("jurat_requests", sa.Column("expires_at", Moment(), nullable=True))
    for statement in (_outlines(NOW[dialect]), _lists(NOW[dialect])):
        op.execute(statement)
    if dialect != "postgresql":
        for statement in SQLITE:
            op.execute(statement)
        return
    for statement in (TRY_ADD, ADD, *POSTGRESQL):
        op.execute(statement)
    for name in TRIGGERS:
        op.execute(f"ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER {name}")
    op.execute(PINNED)
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON jurat_requests" if postgresql else f"DROP TRIGGER {name}")
    if postgresql:
        for name in OURS:
            op.execute(f"DROP FUNCTION {name}")
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    for table, column in (
        ("jurat_requests", "expires_at"),
        ("jurat_requests", "code_list"),
        ("jurat_zones", "outline"),
    ):
        op.drop_column(table, column)
