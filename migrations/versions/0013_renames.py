"""A participant is renamed as a whole, by an erasure or a transfer that is done; what a request says stays while it
waits; and a request about a check goes with the check, a further round with all of the participant.
"""

from __future__ import annotations

from alembic import op

revision = "0013_renames"
down_revision = "0010_permitted"

STATEMENTS = {
    "postgresql": (
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
    OR CASE WHEN NEW.participant LIKE 'erased-%' THEN
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
  IF jurat_is_owner() OR NOT EXISTS (
    WITH RECURSIVE place (name) AS (
      SELECT coalesce(NEW.consultation, (SELECT min(c.consultation) FROM jurat_checks c))
      UNION ALL
      SELECT (SELECT min(c.consultation) FROM jurat_checks c WHERE c.consultation > p.name) FROM place p
      WHERE p.name IS NOT NULL AND NEW.consultation IS NULL)
    SELECT FROM place p JOIN jurat_checks c ON c.consultation = p.name AND c.participant = OLD.participant
    WHERE c.submitted_at <= NEW.asked_at
  ) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: an erasure takes all answers along', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_access_erased BEFORE UPDATE OF participant ON jurat_access FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_participant()""",
        "DROP TRIGGER IF EXISTS jurat_checks_whole ON jurat_checks",
        """
CREATE CONSTRAINT TRIGGER jurat_checks_whole AFTER UPDATE OF participant ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_whole()""",
        "DROP TRIGGER IF EXISTS jurat_access_whole ON jurat_access",
        """
CREATE CONSTRAINT TRIGGER jurat_access_whole AFTER UPDATE OF participant ON jurat_access
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_whole()""",
        "DROP TRIGGER IF EXISTS jurat_requests_whole ON jurat_requests",
        """
CREATE CONSTRAINT TRIGGER jurat_requests_whole AFTER UPDATE OF participant ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.kind IN ('reopen', 'revoke', 'restore'))
EXECUTE FUNCTION jurat_keep_whole()""",
        "DROP TRIGGER IF EXISTS jurat_requests_erasing ON jurat_requests",
        """
CREATE CONSTRAINT TRIGGER jurat_requests_erasing AFTER UPDATE OF participant ON jurat_requests
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.kind = 'erase')
EXECUTE FUNCTION jurat_keep_erasure()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_revoked BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.kind IN ('reopen', 'revoke', 'restore') AND OLD.refused IS NULL AND OLD.participant NOT LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_revocation()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_traced BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.check_id IS NOT NULL)
EXECUTE FUNCTION jurat_keep_trace()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_erasure_done BEFORE UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (NEW.kind = 'erase' AND OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND NEW.refused IS NULL
  AND (NEW.participant LIKE 'erased-%') IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_others('an erasure is done once its participant has no name')""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_noted BEFORE UPDATE OF note, note_key, document ON jurat_requests FOR EACH ROW
WHEN (NEW.applied_at IS NULL
  AND (NEW.note, NEW.note_key, NEW.document) IS DISTINCT FROM (OLD.note, OLD.note_key, OLD.document)
  AND NOT (OLD.kind = 'codes' AND (
    has_table_privilege('jurat_requests'::regclass, 'DELETE') OR jurat_may_ask(OLD.kind) IS TRUE)))
EXECUTE FUNCTION jurat_refuse_change('what a request says is erased once it is dealt with')""",
        "ALTER TABLE jurat_access ENABLE ALWAYS TRIGGER jurat_access_erased",
        "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_whole",
        "ALTER TABLE jurat_access ENABLE ALWAYS TRIGGER jurat_access_whole",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_whole",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_erasing",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_revoked",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_traced",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_erasure_done",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_noted",
        "REVOKE ALL ON FUNCTION jurat_keep_whole(), jurat_keep_erasure() FROM PUBLIC",
    ),
    "sqlite": (
        """
CREATE TRIGGER jurat_requests_noted BEFORE UPDATE OF note, note_key, document ON jurat_requests
WHEN NEW.applied_at IS NULL AND OLD.kind <> 'codes'
  AND (NEW.note IS NOT OLD.note OR NEW.note_key IS NOT OLD.note_key OR NEW.document IS NOT OLD.document)
BEGIN
  SELECT RAISE(ABORT, 'jurat: what a request says is erased once it is dealt with');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
