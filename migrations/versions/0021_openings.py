"""A reviewer reads the answer and the note of a check in review, opened by a worker and sealed for one session."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0021_openings"
down_revision = "0020_rehash"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_openings (
  id uuid NOT NULL,
  check_id uuid NOT NULL,
  by_whom text NOT NULL,
  reader_key bytea NOT NULL,
  asked_at timestamptz NOT NULL,
  opened_at timestamptz,
  sealed bytea,
  refused text,
  login text,
  PRIMARY KEY (id),
  FOREIGN KEY (check_id) REFERENCES jurat_checks (id) ON DELETE CASCADE
)"""

STATEMENTS = {
    "postgresql": (
        _TABLE,
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_openings_check ON jurat_openings (check_id)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_audit_at ON jurat_audit (at, id)",
        "ALTER TABLE jurat_openings ALTER COLUMN login SET DEFAULT session_user",
        """
ALTER TABLE jurat_allowances ADD COLUMN IF NOT EXISTS openings_per_hour integer NOT NULL DEFAULT 200,
  ADD COLUMN IF NOT EXISTS openings_began_at timestamptz,
  ADD COLUMN IF NOT EXISTS openings integer NOT NULL DEFAULT 0""",
        *firing_always(
            """
CREATE OR REPLACE FUNCTION jurat_open_for_review(check_id uuid, reader_key bytea, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_open_for_review.id, jurat_uuid7());
BEGIN
  IF NOT EXISTS (SELECT FROM jurat_openings o WHERE o.id = this_id) THEN
    INSERT INTO jurat_openings (id, check_id, by_whom, reader_key, asked_at)
    VALUES (this_id, jurat_open_for_review.check_id, jurat_open_for_review.by_whom, jurat_open_for_review.reader_key,
            statement_timestamp())
    ON CONFLICT DO NOTHING;
  END IF;
  IF NOT EXISTS (
    SELECT FROM jurat_openings o WHERE o.id = this_id AND o.login = session_user
      AND o.check_id = jurat_open_for_review.check_id AND o.by_whom = jurat_open_for_review.by_whom
      AND o.reader_key = jurat_open_for_review.reader_key) THEN
    PERFORM jurat_stored(NULL, 'JU004', format('the id %s belongs to another request', this_id), NULL);
  END IF;
  RETURN this_id;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_try_open_for_review(check_id uuid, reader_key bytea, by_whom text, id uuid)
RETURNS TABLE (opening_id uuid, code text, problem text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  opening_id := jurat_open_for_review(
    jurat_try_open_for_review.check_id, reader_key, by_whom, jurat_try_open_for_review.id);
  RETURN NEXT;
EXCEPTION
  WHEN SQLSTATE 'JU004' OR SQLSTATE 'JU005' OR SQLSTATE 'JU007' OR SQLSTATE 'JU009' OR SQLSTATE 'JU013' THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
    problem := substr(problem, 8);
    RETURN NEXT;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_opened(id uuid) RETURNS TABLE (opened_at timestamptz, sealed bytea, refused text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT o.opened_at, o.sealed, o.refused FROM jurat_openings o
  WHERE o.id = jurat_opened.id AND o.login = session_user
    AND o.asked_at > statement_timestamp() - interval '15 minutes'
$$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_opening()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  about record;
  mine record;
  first timestamptz;
BEGIN
  SELECT c.state, c.participant INTO about FROM jurat_checks c WHERE c.id = NEW.check_id;
  IF NEW.check_id IS NULL THEN
    PERFORM jurat_stored(NULL, 'JU005', 'check_id must be the id of a check', NULL);
  ELSIF octet_length(NEW.reader_key) = 32 IS NOT TRUE THEN
    PERFORM jurat_stored(NULL, 'JU005', 'reader_key must be the 32 bytes of a public key', NULL);
  ELSIF NOT jurat_is_name(NEW.by_whom) OR btrim(NEW.by_whom) = '' THEN
    PERFORM jurat_stored(NULL, 'JU005', 'by_whom must be 1 to 200 printable characters: who reads it', NULL);
  ELSIF about IS NULL THEN
    PERFORM jurat_stored(NULL, 'JU007', format('there is no check %s', NEW.check_id),
      'jurat_review_queue has those that wait for a person.');
  ELSIF about.state <> 'review' THEN
    PERFORM jurat_stored(NULL, 'JU009', format('check %s is not in review: it is %s', NEW.check_id, about.state),
      'jurat_review_queue has those that wait for a person.');
  ELSIF jurat_person(NEW.by_whom) = jurat_person(about.participant) THEN
    PERFORM jurat_stored(NULL, 'JU005', 'by_whom names who reads it, and not the participant', NULL);
  ELSIF jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  INSERT INTO jurat_allowances AS a (login, per_hour, openings_began_at, openings)
  VALUES (session_user, 100, clock_timestamp(), 1)
  ON CONFLICT (login) DO UPDATE SET (openings, openings_began_at) = (
    SELECT CASE WHEN this_hour THEN a.openings ELSE 0 END + 1,
           CASE WHEN this_hour THEN a.openings_began_at ELSE clock_timestamp() END
    FROM (SELECT (a.openings_began_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()) IS TRUE
          AS this_hour) h)
  RETURNING a.openings, a.openings_per_hour, a.openings_began_at INTO mine;
  IF mine.openings > mine.openings_per_hour THEN
    PERFORM jurat_stored(NULL, 'JU013', format(
      'this user of the database may open %s answers an hour, and no more before %s UTC', mine.openings_per_hour,
      to_char((mine.openings_began_at + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      'An administrator may raise openings_per_hour in jurat_allowances.');
  END IF;
  SELECT min(o.asked_at) INTO first FROM jurat_openings o
  WHERE o.check_id = NEW.check_id AND o.login = session_user AND o.refused IS NULL
    AND o.asked_at > clock_timestamp() - interval '15 minutes'
  HAVING count(*) >= 5;
  IF FOUND THEN
    PERFORM jurat_stored(NULL, 'JU013', format(
      'this user of the database has this answer open 5 times, and opens it no more before %s UTC',
      to_char((first + interval '15 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      'Read it with the key of one of those.');
  END IF;
  NEW.asked_at := statement_timestamp();
  NEW.login := session_user;
  RETURN NEW;
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_openings_asked BEFORE INSERT ON jurat_openings FOR EACH ROW
EXECUTE FUNCTION jurat_keep_opening()""",
            """
CREATE OR REPLACE TRIGGER jurat_openings_new BEFORE INSERT ON jurat_openings FOR EACH ROW
WHEN (num_nonnulls(NEW.opened_at, NEW.sealed, NEW.refused) > 0)
EXECUTE FUNCTION jurat_refuse_change('what comes of an opening is said once it is asked for')""",
            """
CREATE OR REPLACE TRIGGER jurat_openings_changed BEFORE UPDATE ON jurat_openings FOR EACH ROW
WHEN ((NEW.id, NEW.check_id, NEW.by_whom, NEW.reader_key, NEW.asked_at, NEW.login)
    IS DISTINCT FROM (OLD.id, OLD.check_id, OLD.by_whom, OLD.reader_key, OLD.asked_at, OLD.login)
  OR (OLD.opened_at IS NOT NULL AND (
    (NEW.opened_at, NEW.refused) IS DISTINCT FROM (OLD.opened_at, OLD.refused)
    OR (NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed)))
  OR (OLD.opened_at IS NULL AND (
    (NEW.opened_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
    OR num_nonnulls(NEW.sealed, NEW.refused) <> 1))
  OR octet_length(NEW.sealed) > 65536 OR length(NEW.refused) > 500)
EXECUTE FUNCTION jurat_refuse_change('an opening is sealed or refused once, now, and then only erased')""",
            """
CREATE OR REPLACE FUNCTION jurat_forget_openings()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM jurat_openings o WHERE o.check_id = OLD.id;
  RETURN NULL;
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_checks_left_review AFTER UPDATE OF state, participant ON jurat_checks FOR EACH ROW
WHEN (OLD.state = 'review' AND (NEW.state <> 'review' OR NEW.participant <> OLD.participant))
EXECUTE FUNCTION jurat_forget_openings()""",
        ),
        "REVOKE ALL ON FUNCTION jurat_open_for_review(uuid, bytea, text, uuid) FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_try_open_for_review(uuid, bytea, text, uuid) FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_opened(uuid) FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_keep_opening() FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_forget_openings() FROM PUBLIC",
    ),
    "sqlite": (
        tables_for_sqlite(_TABLE),
        "CREATE INDEX jurat_openings_check ON jurat_openings (check_id)",
        "CREATE INDEX jurat_audit_at ON jurat_audit (at, id)",
        "ALTER TABLE jurat_allowances ADD COLUMN openings_per_hour integer NOT NULL DEFAULT 200",
        "ALTER TABLE jurat_allowances ADD COLUMN openings_began_at CHAR(23)",
        "ALTER TABLE jurat_allowances ADD COLUMN openings integer NOT NULL DEFAULT 0",
        """
CREATE TRIGGER jurat_openings_asked BEFORE INSERT ON jurat_openings
BEGIN
  SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_openings o WHERE o.id = NEW.id);
  SELECT RAISE(ABORT, 'jurat: JU005: reader_key must be the 32 bytes of a public key')
    WHERE typeof(NEW.reader_key) IS NOT 'blob' OR length(NEW.reader_key) IS NOT 32;
  SELECT RAISE(ABORT, 'jurat: JU005: by_whom must be 1 to 200 characters: who reads it')
    WHERE typeof(NEW.by_whom) IS NOT 'text' OR length(trim(NEW.by_whom)) = 0
    OR max(length(NEW.by_whom), length(CAST(NEW.by_whom AS BLOB)) / 4) > 200;
  SELECT RAISE(ABORT, 'jurat: the id of an opening is a UUID in its usual 36 lower-case characters')
    WHERE typeof(NEW.id) IS NOT 'text' OR NEW.id NOT GLOB
      '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]';
  SELECT RAISE(ABORT, 'jurat: JU009: the check is not in review')
    WHERE NOT EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = NEW.check_id AND c.state = 'review');
  SELECT RAISE(ABORT, 'jurat: JU005: by_whom names who reads it, and not the participant')
    WHERE EXISTS (
      WITH RECURSIVE person (who, rest, done) AS (
        VALUES ('reads', NEW.by_whom, ''),
          ('answered', (SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id), '')
        UNION ALL
SELECT who, substr(rest, 2), done || CASE
  WHEN substr(rest, 1, 1) = ' ' AND substr(done, -1) = ' ' THEN ''
  WHEN substr(rest, 1, 1) GLOB '[' || char(
    173, 45, 173, 847, 45, 847, 1564, 45, 1564, 4447, 45, 4448, 6068, 45, 6069, 6155, 45, 6159, 8203, 45,
    8207, 8234, 45, 8238, 8288, 45, 8303, 10240, 45, 10240, 12644, 45, 12644, 65024, 45, 65039, 65279, 45,
    65279, 65440, 45, 65440, 65520, 45, 65528, 113824, 45, 113827, 119155, 45, 119162, 917504, 45, 921599)
    || ']' THEN ''
  ELSE substr(rest, 1, 1) END
FROM person WHERE length(rest) > 0)
      SELECT 1 FROM person a JOIN person b ON lower(trim(a.done)) = lower(trim(b.done))
      WHERE a.who = 'reads' AND b.who = 'answered' AND length(a.rest) = 0 AND length(b.rest) = 0);
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come')
    WHERE NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.asked_at) IS NEW.asked_at
      AND NEW.asked_at LIKE '____-__-__ __:__:__.___'
      AND NEW.asked_at BETWEEN '2000-01-01 00:00:00.000' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0);
  SELECT RAISE(ABORT, 'jurat: what comes of an opening is said once it is asked for')
    WHERE coalesce(NEW.opened_at, NEW.sealed, NEW.refused) IS NOT NULL;
END""",
        """
CREATE TRIGGER jurat_openings_changed BEFORE UPDATE ON jurat_openings
WHEN NEW.id IS NOT OLD.id OR NEW.check_id IS NOT OLD.check_id OR NEW.by_whom IS NOT OLD.by_whom
  OR NEW.reader_key IS NOT OLD.reader_key OR NEW.asked_at IS NOT OLD.asked_at OR NEW.login IS NOT OLD.login
  OR (OLD.opened_at IS NOT NULL AND (
    NEW.opened_at IS NOT OLD.opened_at OR NEW.refused IS NOT OLD.refused
    OR (NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed)))
  OR (OLD.opened_at IS NULL AND (
    (NEW.sealed IS NULL) = (NEW.refused IS NULL)
    OR NOT coalesce(
      strftime('%Y-%m-%d %H:%M:%f', NEW.opened_at) IS NEW.opened_at
      AND NEW.opened_at LIKE '____-__-__ __:__:__.___'
      AND NEW.opened_at BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds')
        AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds'), 0)))
  OR length(CAST(NEW.sealed AS BLOB)) > 65536 OR length(NEW.refused) > 500
BEGIN
  SELECT RAISE(ABORT, 'jurat: an opening is sealed or refused once, now, and then only erased');
END""",
        """
CREATE TRIGGER jurat_checks_left_review AFTER UPDATE OF state, participant ON jurat_checks
WHEN OLD.state = 'review' AND (NEW.state <> 'review' OR NEW.participant <> OLD.participant)
BEGIN
  DELETE FROM jurat_openings WHERE check_id = OLD.id;
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
