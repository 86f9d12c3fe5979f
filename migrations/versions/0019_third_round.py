"""What a login may write, continued: what transfers and erasures leave, imports of others, times and figures."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0019_third_round"
down_revision = "0018_second_round"

STATEMENTS = {
    "postgresql": (
        *firing_always(
            """
CREATE OR REPLACE FUNCTION jurat_fix_times() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.submitted_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' OR NOT (jurat_is_owner()
    OR NEW.submitted_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) THEN
    NEW.submitted_at := statement_timestamp();
  END IF;
  IF NEW.due_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' THEN
    NEW.due_at := statement_timestamp();
  END IF;
  IF NEW.deadline_at NOT BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z' THEN
    NEW.deadline_at := statement_timestamp() + make_interval(secs => coalesce((
      SELECT q.deadline_s FROM jurat_questions q
      WHERE q.consultation = NEW.consultation AND q.question = NEW.question), 3600));
  END IF;
  RETURN NEW;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_imported() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  versions integer[];
BEGIN
  IF jurat_is_owner() THEN
    RETURN NULL;
  END IF;
  versions := ARRAY(SELECT DISTINCT c.dataset FROM changed c);
  PERFORM FROM jurat_datasets d WHERE d.id = ANY (versions) FOR SHARE;
  IF (SELECT count(*) FROM jurat_datasets d WHERE d.id = ANY (versions) AND d.state = TG_ARGV[0]
      AND (d.state <> 'staged' OR d.login IS NULL OR d.login = session_user)) = cardinality(versions) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: its version is not %, or by another login', TG_OP, TG_TABLE_NAME,
    TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_whole() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (
    EXISTS (
      SELECT FROM jurat_checks c WHERE c.consultation = NEW.consultation AND c.participant = OLD.participant)
    OR EXISTS (
      SELECT FROM jurat_access a WHERE a.consultation = NEW.consultation AND a.participant = OLD.participant)
    OR EXISTS (
      SELECT FROM jurat_requests r WHERE r.consultation = NEW.consultation AND r.participant = OLD.participant
        AND r.kind IN ('reopen', 'revoke', 'restore') AND r.applied_at IS NOT NULL AND r.refused IS NULL)
    OR CASE WHEN TG_ARGV[0] = 'done' THEN NEW.participant LIKE 'erased-%'
    WHEN NEW.participant LIKE 'erased-%' THEN
      NOT EXISTS (
        SELECT FROM jurat_requests e WHERE e.kind = 'erase' AND e.consultation = NEW.consultation
          AND e.participant = NEW.participant AND e.applied_at IS NOT NULL AND e.refused IS NULL)
      AND EXISTS (
        SELECT FROM jurat_requests e WHERE e.kind = 'erase' AND e.participant = OLD.participant
          AND (e.consultation IS NULL OR e.consultation = NEW.consultation))
    ELSE OLD.participant LIKE 'erased-%' OR NOT EXISTS (
      SELECT FROM jurat_requests t WHERE t.kind = 'transfer' AND t.consultation = NEW.consultation
        AND t.participant = OLD.participant AND t.target = NEW.participant
        AND t.applied_at IS NOT NULL AND t.refused IS NULL) END
  ) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a participant is erased or transferred as a whole, and then it is done',
    TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_erasure() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (EXISTS (
    WITH RECURSIVE place (name) AS (
      SELECT coalesce(NEW.consultation, (SELECT min(c.consultation) FROM jurat_checks c))
      UNION ALL
      SELECT (SELECT min(c.consultation) FROM jurat_checks c WHERE c.consultation > p.name) FROM place p
      WHERE p.name IS NOT NULL AND NEW.consultation IS NULL)
    SELECT FROM place p JOIN jurat_checks c ON c.consultation = p.name AND c.participant = OLD.participant
    WHERE c.submitted_at <= NEW.asked_at
  ) OR EXISTS (
    SELECT FROM jurat_requests r WHERE (r.participant = OLD.participant OR r.target = OLD.participant)
      AND r.applied_at IS NOT NULL AND (NEW.consultation IS NULL OR r.consultation = NEW.consultation)
  )) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: an erasure takes all answers along', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_claims()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (
    EXISTS (SELECT FROM jurat_claims k WHERE k.check_id = NEW.id AND k.participant = OLD.participant)
    OR NEW.participant LIKE 'erased-%' AND EXISTS (
      SELECT FROM jurat_requests r WHERE r.check_id = NEW.id AND r.applied_at IS NOT NULL
        AND num_nonnulls(r.note, r.document) > 0)) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: the numbers and notes of a check go along with it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_checks_timed BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (NOT (NEW.submitted_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()
  AND NEW.due_at BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'
  AND NEW.deadline_at BETWEEN '2000-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'))
EXECUTE FUNCTION jurat_fix_times()""",
            """
CREATE OR REPLACE TRIGGER jurat_checks_on_their_way BEFORE UPDATE ON jurat_checks FOR EACH ROW
WHEN (OLD.state IN ('pending', 'leased')
  AND NOT has_column_privilege('jurat_checks'::regclass, 'lease_until', 'UPDATE'))
EXECUTE FUNCTION jurat_refuse_others('a check on its way is left to workers')""",
            """
CREATE OR REPLACE TRIGGER jurat_checks_emptied BEFORE UPDATE OF participant, candidates ON jurat_checks FOR EACH ROW
WHEN (NEW.participant LIKE 'erased-%' AND (
  num_nonnulls(NEW.answer, NEW.reply_key, NEW.candidates, NEW.traceparent) > 0
  OR NEW.state = 'review' AND NEW.participant <> OLD.participant))
EXECUTE FUNCTION jurat_refuse_others('an erasure leaves no answer, no candidates and no open review')""",
            """
CREATE OR REPLACE TRIGGER jurat_access_changing BEFORE INSERT OR UPDATE OF changes_at ON jurat_access FOR EACH ROW
WHEN (NEW.changes_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_refuse_others('time changes access in the future')""",
            """
CREATE OR REPLACE TRIGGER jurat_sources_counted BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (least(NEW.waiting, NEW.due, NEW.poll_ms, NEW.failures, NEW.used, NEW.served, NEW.most_slots, NEW.served_s,
    NEW.wait_s, NEW.lookup_s, NEW.day_used, NEW.suspect_share, NEW.usual_share) < 0
  OR greatest(NEW.served_s, NEW.wait_s, NEW.lookup_s, NEW.day_used, NEW.suspect_share, NEW.usual_share) > 1e15)
EXECUTE FUNCTION jurat_refuse_others('figures of a source are numbers from 0 on')""",
            """
CREATE OR REPLACE TRIGGER jurat_outcomes_counted BEFORE INSERT OR UPDATE ON jurat_outcomes FOR EACH ROW
WHEN (NEW.results < 0)
EXECUTE FUNCTION jurat_refuse_others('figures of a source are numbers from 0 on')""",
            """
CREATE OR REPLACE TRIGGER jurat_datasets_moved BEFORE UPDATE ON jurat_datasets FOR EACH ROW
WHEN ((NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('staged', 'active'), ('staged', 'removing'), ('active', 'retired'), ('active', 'removing'),
    ('retired', 'removing'), ('removing', 'removed')))
  OR (OLD.state = 'staged' AND NEW.state <> 'removing' AND OLD.login <> session_user)
  OR (OLD.state <> 'staged' AND to_jsonb(NEW) - 'state' <> to_jsonb(OLD) - 'state'))
EXECUTE FUNCTION jurat_refuse_others(
  'a version is filled and put in force by the login that staged it, then retired, and removed')""",
            "DROP TRIGGER IF EXISTS jurat_requests_transferred ON jurat_requests",
            """
CREATE CONSTRAINT TRIGGER jurat_requests_transferred AFTER UPDATE OF applied_at ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.kind = 'transfer' AND OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND NEW.refused IS NULL)
EXECUTE FUNCTION jurat_keep_whole('done')""",
        ),
    ),
    "sqlite": (),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
