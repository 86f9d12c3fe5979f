"""What a login may write: rows as our own programs make them. They keep who wrote them."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0004_login_guards"
down_revision = "0003_oldest_worker"

STATEMENTS = {
    "postgresql": firing_always(
        "ALTER TABLE jurat_verdicts ADD COLUMN IF NOT EXISTS login text",
        "ALTER TABLE jurat_requests ADD COLUMN IF NOT EXISTS login text",
        "ALTER TABLE jurat_audit ADD COLUMN IF NOT EXISTS login text",
        """
CREATE OR REPLACE FUNCTION jurat_is_owner() RETURNS boolean LANGUAGE sql STABLE
RETURN pg_has_role(
  session_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = 'jurat_checks'::regclass), 'USAGE')""",
        """
CREATE OR REPLACE FUNCTION jurat_refuse_others() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        "ALTER TABLE jurat_verdicts ALTER COLUMN login SET DEFAULT session_user",
        "ALTER TABLE jurat_requests ALTER COLUMN login SET DEFAULT session_user",
        "ALTER TABLE jurat_audit ALTER COLUMN login SET DEFAULT session_user",
        """
CREATE OR REPLACE TRIGGER jurat_checks_moved BEFORE UPDATE OF state ON jurat_checks FOR EACH ROW
WHEN (NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
  ('pending', 'leased'), ('leased', 'pending'), ('leased', 'settled'), ('leased', 'review'), ('review', 'settled'),
  ('review', 'pending'), ('settled', 'review')))
EXECUTE FUNCTION jurat_refuse_others('a check does not go from this state to that one')""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_fenced BEFORE UPDATE OF fence ON jurat_checks FOR EACH ROW
WHEN (NEW.fence < OLD.fence)
EXECUTE FUNCTION jurat_refuse_others('a fence never falls')""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_in_time BEFORE UPDATE OF due_at, deadline_at ON jurat_checks FOR EACH ROW
WHEN (NOT (NEW.due_at BETWEEN '1970-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'
  AND NEW.deadline_at BETWEEN '1970-01-01 00:00:00.000Z' AND '9000-01-01 00:00:00.000Z'))
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_verdict() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF NEW.outcome NOT IN ('accepted', 'refused', 'undetermined') THEN
    RAISE EXCEPTION 'jurat: % on % is refused: a verdict is accepted, refused or undetermined', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  ELSIF NEW.revision <> 1 + coalesce(
    (SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = NEW.check_id), 0) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: the revision of a verdict is one more than the last', TG_OP,
      TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF (NEW.decided_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE THEN
    NEW.decided_at := statement_timestamp();
  END IF;
  IF NEW.retain_until < NEW.decided_at + interval '1 hour' THEN
    RAISE EXCEPTION 'jurat: % on % is refused: a verdict stays for an hour at least', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_added BEFORE INSERT ON jurat_verdicts FOR EACH ROW
WHEN (NEW.revision <> 1 OR NEW.outcome NOT IN ('accepted', 'refused', 'undetermined')
  OR (NEW.decided_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
  OR NEW.retain_until < NEW.decided_at + interval '1 hour')
EXECUTE FUNCTION jurat_keep_verdict()""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_trace() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT EXISTS (SELECT FROM jurat_checks c WHERE c.id = OLD.check_id AND (
    c.state <> 'settled' OR EXISTS (SELECT FROM jurat_verdicts v WHERE v.check_id = OLD.check_id))) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: it goes with the verdicts of its check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_attempts_kept BEFORE DELETE ON jurat_attempts
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace()""",
        """
CREATE OR REPLACE TRIGGER jurat_reviews_kept BEFORE DELETE ON jurat_reviews
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace()""",
        """
CREATE OR REPLACE TRIGGER jurat_claims_kept BEFORE DELETE ON jurat_claims
FOR EACH ROW EXECUTE FUNCTION jurat_keep_trace()""",
        """
CREATE OR REPLACE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NOT NULL
  AND (NEW.redeemed_by, NEW.redeemed_at) IS DISTINCT FROM (OLD.redeemed_by, OLD.redeemed_at))
EXECUTE FUNCTION jurat_refuse_others('a code is redeemed once')""",
        """
CREATE OR REPLACE FUNCTION jurat_fix_audit_time() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT jurat_is_owner() THEN
    NEW.at := statement_timestamp();
  END IF;
  RETURN NEW;
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_audit_timed BEFORE INSERT ON jurat_audit FOR EACH ROW
WHEN ((NEW.at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE)
EXECUTE FUNCTION jurat_fix_audit_time()""",
        "REVOKE ALL ON FUNCTION jurat_refuse_others(), jurat_keep_verdict(), jurat_keep_trace() FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_fix_audit_time() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_verdicts ADD COLUMN login text",
        "ALTER TABLE jurat_requests ADD COLUMN login text",
        "ALTER TABLE jurat_audit ADD COLUMN login text",
        "DROP TRIGGER jurat_verdicts_added",
        """
CREATE TRIGGER jurat_verdicts_added BEFORE INSERT ON jurat_verdicts
BEGIN
  SELECT RAISE(ABORT, 'jurat: a verdict cannot be replaced; add a revision')
    WHERE EXISTS (SELECT 1 FROM jurat_verdicts WHERE check_id = NEW.check_id AND revision = NEW.revision);
  SELECT RAISE(ABORT, 'jurat: a verdict needs its check')
    WHERE NOT EXISTS (SELECT 1 FROM jurat_checks WHERE id = NEW.check_id);
  SELECT RAISE(ABORT, 'jurat: a verdict is accepted, refused or undetermined')
    WHERE NEW.outcome NOT IN ('accepted', 'refused', 'undetermined');
  SELECT RAISE(ABORT, 'jurat: the revision of a verdict is one more than the last')
    WHERE NEW.revision IS NOT 1 + coalesce(
      (SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = NEW.check_id), 0);
END""",
        """
CREATE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at ON jurat_codes
WHEN OLD.redeemed_by IS NOT NULL
  AND (NEW.redeemed_by IS NOT OLD.redeemed_by OR NEW.redeemed_at IS NOT OLD.redeemed_at)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a code is redeemed once');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
