"""A person has a worker look something up once, and reads what came of it, sealed for one session."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0025_inquiries"
down_revision = "0024_revoked_codes"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_inquiries (
  id uuid NOT NULL,
  source text NOT NULL,
  by_whom text NOT NULL,
  reader_key bytea NOT NULL,
  answer bytea,
  answer_key text NOT NULL,
  asked_at timestamptz NOT NULL,
  begun_at timestamptz,
  sealed bytea,
  login text,
  PRIMARY KEY (id)
)"""

STATEMENTS = {
    "postgresql": (
        _TABLE,
        "ALTER TABLE jurat_inquiries ALTER COLUMN login SET DEFAULT session_user",
        *firing_always(
            """
CREATE OR REPLACE FUNCTION jurat_keep_inquiry() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  mine bigint;
  every bigint;
BEGIN
  INSERT INTO jurat_allowances AS a (login, per_hour) VALUES (session_user, 100)
  ON CONFLICT (login) DO UPDATE SET per_hour = a.per_hour;
  SELECT count(*) FILTER (WHERE i.by_whom = NEW.by_whom), count(*) INTO mine, every
  FROM jurat_inquiries i WHERE i.asked_at > clock_timestamp() - interval '1 hour';
  IF mine >= 20 OR every >= 100 THEN
    PERFORM jurat_stored(NULL, 'JU013', 'a person may ask sources 20 times an hour, and all together 100 times',
      'Wait for a while.');
  END IF;
  IF NOT jurat_is_owner() THEN
    NEW.asked_at := statement_timestamp();
    NEW.login := session_user;
  END IF;
  RETURN NEW;
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_inquiries_asked BEFORE INSERT ON jurat_inquiries FOR EACH ROW
EXECUTE FUNCTION jurat_keep_inquiry()""",
            """
CREATE OR REPLACE TRIGGER jurat_inquiries_new BEFORE INSERT ON jurat_inquiries FOR EACH ROW
WHEN (num_nonnulls(NEW.begun_at, NEW.sealed) > 0 OR octet_length(NEW.reader_key) <> 32
  OR (octet_length(NEW.answer) BETWEEN 1 AND 16432) IS NOT TRUE OR NEW.answer_key !~ '^[0-9a-f]{16}$'
  OR NOT jurat_is_name(NEW.by_whom) OR NOT jurat_is_name(NEW.source))
EXECUTE FUNCTION jurat_refuse_others('an inquiry names who asks what, with a public key and a sealed answer')""",
            """
CREATE OR REPLACE TRIGGER jurat_inquiries_changed BEFORE UPDATE ON jurat_inquiries FOR EACH ROW
WHEN ((NEW.id, NEW.source, NEW.by_whom, NEW.reader_key, NEW.answer_key, NEW.asked_at, NEW.login)
    IS DISTINCT FROM (OLD.id, OLD.source, OLD.by_whom, OLD.reader_key, OLD.answer_key, OLD.asked_at, OLD.login)
  OR (NEW.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer)
  OR (NEW.begun_at IS DISTINCT FROM OLD.begun_at AND (OLD.begun_at IS NOT NULL
    OR (NEW.begun_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE))
  OR (NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed
    AND (NEW.answer IS NOT NULL OR OLD.answer IS NULL OR NEW.begun_at IS NULL OR octet_length(NEW.sealed) > 65536)))
EXECUTE FUNCTION jurat_refuse_change('an inquiry is begun once and sealed once, and then only erased')""",
        ),
        "REVOKE ALL ON FUNCTION jurat_keep_inquiry() FROM PUBLIC",
    ),
    "sqlite": (
        tables_for_sqlite(_TABLE),
        """
CREATE TRIGGER jurat_inquiries_asked BEFORE INSERT ON jurat_inquiries
BEGIN
  SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_inquiries i WHERE i.id = NEW.id);
  SELECT RAISE(ABORT, 'jurat: JU013: a person may ask sources 20 times an hour, and all together 100 times')
    FROM (
      SELECT count(*) AS every, sum(i.by_whom = NEW.by_whom) AS mine FROM jurat_inquiries i
      WHERE i.asked_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-3600 seconds'))
    WHERE mine >= 20 OR every >= 100;
  SELECT RAISE(ABORT, 'jurat: the id of an inquiry is a UUID in its usual 36 lower-case characters')
    WHERE typeof(NEW.id) IS NOT 'text' OR NEW.id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]';
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come')
    WHERE NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.asked_at) IS NEW.asked_at
      AND NEW.asked_at LIKE '____-__-__ __:__:__.___'
      AND NEW.asked_at BETWEEN '2000-01-01 00:00:00.000' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0);
  SELECT RAISE(ABORT, 'jurat: an inquiry names who asks what, with a public key and a sealed answer')
    WHERE coalesce(NEW.begun_at, NEW.sealed) IS NOT NULL
    OR typeof(NEW.reader_key) IS NOT 'blob' OR length(NEW.reader_key) IS NOT 32
    OR typeof(NEW.answer) IS NOT 'blob' OR length(NEW.answer) NOT BETWEEN 1 AND 16432
    OR typeof(NEW.answer_key) IS NOT 'text' OR length(NEW.answer_key) <> 16 OR NEW.answer_key GLOB '*[^0-9a-f]*'
    OR typeof(NEW.by_whom) IS NOT 'text' OR length(NEW.by_whom) NOT BETWEEN 1 AND 200
    OR typeof(NEW.source) IS NOT 'text' OR length(NEW.source) NOT BETWEEN 1 AND 200;
END""",
        """
CREATE TRIGGER jurat_inquiries_changed BEFORE UPDATE ON jurat_inquiries
WHEN NEW.id IS NOT OLD.id OR NEW.source IS NOT OLD.source OR NEW.by_whom IS NOT OLD.by_whom
  OR NEW.reader_key IS NOT OLD.reader_key OR NEW.answer_key IS NOT OLD.answer_key OR NEW.asked_at IS NOT OLD.asked_at
  OR NEW.login IS NOT OLD.login
  OR (NEW.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer)
  OR (NEW.begun_at IS NOT OLD.begun_at AND (OLD.begun_at IS NOT NULL OR NOT coalesce(
    strftime('%Y-%m-%d %H:%M:%f', NEW.begun_at) IS NEW.begun_at
    AND NEW.begun_at LIKE '____-__-__ __:__:__.___'
    AND NEW.begun_at BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds')
      AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0)))
  OR (NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed AND (NEW.answer IS NOT NULL OR OLD.answer IS NULL
    OR NEW.begun_at IS NULL OR length(CAST(NEW.sealed AS BLOB)) > 65536))
BEGIN
  SELECT RAISE(ABORT, 'jurat: an inquiry is begun once and sealed once, and then only erased');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
