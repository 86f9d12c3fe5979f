"""One number stays with one participant, and a used code used; an erased participant is not told from a leaf."""

from __future__ import annotations

from alembic import op

revision = "0014_claims"
down_revision = "0013_renames"

STATEMENTS = {
    "postgresql": (
        "ALTER TABLE jurat_leaves ADD COLUMN IF NOT EXISTS person_salt bytea",
        "ALTER TABLE jurat_leaves ADD COLUMN IF NOT EXISTS fingerprint bytea",
        """
CREATE OR REPLACE FUNCTION jurat_queue_purged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
  subjects text[];
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    IF TG_ARGV[0] = 'verdict' THEN
      subjects := ARRAY(SELECT g.check_id || '/' || g.revision FROM gone g);
    ELSE
      subjects := ARRAY(SELECT g.id::text FROM gone g WHERE g.applied_at IS NOT NULL);
    END IF;
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    SELECT statement_timestamp(), 'purge', s FROM unnest(subjects) s;
    UPDATE jurat_leaves SET salt = NULL, person_salt = NULL WHERE subject = ANY (subjects) AND kind = TG_ARGV[0];
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_forget_person() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM jurat_history FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF TG_TABLE_NAME = 'jurat_checks' THEN
    UPDATE jurat_leaves SET person_salt = NULL
    WHERE kind = 'verdict' AND subject IN (
      SELECT v.check_id || '/' || v.revision FROM jurat_verdicts v WHERE v.check_id = NEW.id);
  ELSE
    UPDATE jurat_leaves SET person_salt = NULL WHERE kind = 'request' AND subject = NEW.id::text;
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_number() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR 'accepted' IS DISTINCT FROM (
    SELECT v.outcome FROM jurat_verdicts v WHERE v.check_id = NEW.check_id ORDER BY v.revision DESC LIMIT 1) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: who is accepted by a number holds it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_forgotten AFTER UPDATE OF participant ON jurat_checks FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_forget_person()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_forgotten AFTER UPDATE OF participant, target ON jurat_requests FOR EACH ROW
WHEN ((NEW.participant, NEW.target) IS DISTINCT FROM (OLD.participant, OLD.target)
  AND (NEW.participant LIKE 'erased-%' OR NEW.target LIKE 'erased-%'))
EXECUTE FUNCTION jurat_forget_person()""",
        """
CREATE OR REPLACE TRIGGER jurat_claims_hashed BEFORE UPDATE OF fingerprint ON jurat_claims FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint AND left(NEW.fingerprint, 8) = left(OLD.fingerprint, 8))
EXECUTE FUNCTION jurat_refuse_others('a number is hashed again with another key')""",
        """
CREATE OR REPLACE TRIGGER jurat_codes_hashed BEFORE UPDATE OF fingerprint ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NOT NULL AND NEW.fingerprint <> OLD.fingerprint
  AND left(NEW.fingerprint, 8) = left(OLD.fingerprint, 8))
EXECUTE FUNCTION jurat_refuse_others('a used code is hashed again with another key')""",
        "DROP TRIGGER IF EXISTS jurat_claims_released ON jurat_claims",
        """
CREATE CONSTRAINT TRIGGER jurat_claims_released AFTER UPDATE OF holds ON jurat_claims
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.holds AND NOT NEW.holds)
EXECUTE FUNCTION jurat_keep_number()""",
        "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_forgotten",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_forgotten",
        "ALTER TABLE jurat_claims ENABLE ALWAYS TRIGGER jurat_claims_hashed",
        "ALTER TABLE jurat_codes ENABLE ALWAYS TRIGGER jurat_codes_hashed",
        "ALTER TABLE jurat_claims ENABLE ALWAYS TRIGGER jurat_claims_released",
        "REVOKE ALL ON FUNCTION jurat_forget_person(), jurat_keep_number() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_leaves ADD COLUMN person_salt BLOB",
        "ALTER TABLE jurat_leaves ADD COLUMN fingerprint BLOB",
        "DROP TRIGGER jurat_verdicts_purged",
        """
CREATE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.check_id || '/' || OLD.revision);
  UPDATE jurat_leaves SET salt = NULL, person_salt = NULL
  WHERE subject = OLD.check_id || '/' || OLD.revision AND kind = 'verdict';
END""",
        "DROP TRIGGER jurat_requests_purged",
        """
CREATE TRIGGER jurat_requests_purged AFTER DELETE ON jurat_requests
WHEN OLD.applied_at IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.id);
  UPDATE jurat_leaves SET salt = NULL, person_salt = NULL WHERE subject = OLD.id AND kind = 'request';
END""",
        """
CREATE TRIGGER jurat_checks_forgotten AFTER UPDATE OF participant ON jurat_checks
WHEN NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%' AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  UPDATE jurat_leaves SET person_salt = NULL
  WHERE kind = 'verdict' AND subject IN (
    SELECT v.check_id || '/' || v.revision FROM jurat_verdicts v WHERE v.check_id = NEW.id);
END""",
        """
CREATE TRIGGER jurat_requests_forgotten AFTER UPDATE OF participant, target ON jurat_requests
WHEN (NEW.participant IS NOT OLD.participant OR NEW.target IS NOT OLD.target)
  AND (NEW.participant LIKE 'erased-%' OR NEW.target LIKE 'erased-%') AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  UPDATE jurat_leaves SET person_salt = NULL WHERE kind = 'request' AND subject = NEW.id;
END""",
        """
CREATE TRIGGER jurat_codes_hashed BEFORE UPDATE OF fingerprint ON jurat_codes
WHEN OLD.redeemed_by IS NOT NULL AND NEW.fingerprint <> OLD.fingerprint
  AND substr(NEW.fingerprint, 1, 8) = substr(OLD.fingerprint, 1, 8)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a used code is hashed again with another key');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
