"""A hash that `keys rehash` makes is sealed as the one before it was."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0020_rehash"
down_revision = "0019_third_round"

STATEMENTS = {
    "postgresql": (
        "ALTER TABLE jurat_unsealed ADD COLUMN IF NOT EXISTS replaced text",
        "ALTER TABLE jurat_leaves ADD COLUMN IF NOT EXISTS fingerprint_salt bytea",
        *firing_always(
            """
CREATE OR REPLACE FUNCTION jurat_queue_purged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
  subjects text[];
BEGIN
  PERFORM FROM jurat_history FOR SHARE;
  IF FOUND THEN
    IF TG_ARGV[0] = 'verdict' THEN
      subjects := ARRAY(SELECT g.check_id || '/' || g.revision FROM gone g);
    ELSE
      subjects := ARRAY(SELECT g.id::text FROM gone g WHERE g.applied_at IS NOT NULL);
    END IF;
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    SELECT statement_timestamp(), 'purge', s FROM unnest(subjects) s;
    UPDATE jurat_leaves SET salt = NULL, person_salt = NULL, fingerprint_salt = NULL
    WHERE subject = ANY (subjects) AND kind IN (TG_ARGV[0], 'rehash');
  END IF;
  RETURN NULL;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_queue_rehash() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM jurat_history) THEN
    RETURN NULL;
  ELSIF TG_TABLE_NAME = 'jurat_codes' THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject, replaced)
    VALUES (statement_timestamp(), 'rehash', OLD.redeemed_by, OLD.fingerprint) ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO jurat_unsealed (queued_at, kind, subject, replaced)
    SELECT statement_timestamp(), 'rehash', v.check_id || '/' || v.revision, OLD.fingerprint || ' ' || OLD.namespace
    FROM jurat_verdicts v WHERE v.check_id = OLD.check_id ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_codes_rehashed AFTER UPDATE OF fingerprint ON jurat_codes FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint AND OLD.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_queue_rehash()""",
            """
CREATE OR REPLACE TRIGGER jurat_claims_rehashed AFTER UPDATE OF fingerprint ON jurat_claims FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint)
EXECUTE FUNCTION jurat_queue_rehash()""",
        ),
        "REVOKE ALL ON FUNCTION jurat_queue_rehash() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_unsealed ADD COLUMN replaced text",
        "ALTER TABLE jurat_leaves ADD COLUMN fingerprint_salt BLOB",
        "DROP TRIGGER jurat_verdicts_purged",
        """
CREATE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.check_id || '/' || OLD.revision);
  UPDATE jurat_leaves SET salt = NULL, person_salt = NULL, fingerprint_salt = NULL
  WHERE subject = OLD.check_id || '/' || OLD.revision AND kind IN ('verdict', 'rehash');
END""",
        """
CREATE TRIGGER jurat_codes_rehashed AFTER UPDATE OF fingerprint ON jurat_codes
WHEN NEW.fingerprint <> OLD.fingerprint AND OLD.redeemed_by IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT OR IGNORE INTO jurat_unsealed (queued_at, kind, subject, replaced)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'rehash', OLD.redeemed_by, OLD.fingerprint);
END""",
        """
CREATE TRIGGER jurat_claims_rehashed AFTER UPDATE OF fingerprint ON jurat_claims
WHEN NEW.fingerprint <> OLD.fingerprint AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT OR IGNORE INTO jurat_unsealed (queued_at, kind, subject, replaced)
  SELECT strftime('%Y-%m-%d %H:%M:%f', 'now'), 'rehash', v.check_id || '/' || v.revision,
    OLD.fingerprint || ' ' || OLD.namespace
  FROM jurat_verdicts v WHERE v.check_id = OLD.check_id;
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
