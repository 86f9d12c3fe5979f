"""The sealed history: its tables, and what waits for it."""

from __future__ import annotations

from alembic import op

revision = "0008_history"
down_revision = "0007_seal_keys"

STATEMENTS = {
    "postgresql": (
        """
CREATE TABLE IF NOT EXISTS jurat_history (
  began_at timestamptz NOT NULL,
  began_by text NOT NULL,
  sealed_at timestamptz,
  PRIMARY KEY (began_at)
)""",
        """
CREATE TABLE IF NOT EXISTS jurat_unsealed (
  queued_at timestamptz NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  PRIMARY KEY (queued_at, kind, subject)
)""",
        """
CREATE TABLE IF NOT EXISTS jurat_leaves (
  number bigint NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  due_at timestamptz,
  salt bytea,
  content bytea,
  person bytea,
  PRIMARY KEY (number)
)""",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_leaves_subject ON jurat_leaves (subject, kind)",
        """
CREATE TABLE IF NOT EXISTS jurat_tree_heads (
  signed_ms bigint NOT NULL,
  tree_size bigint NOT NULL,
  root_hash bytea NOT NULL,
  signature bytea NOT NULL,
  lost_from bigint,
  frontier bytea NOT NULL,
  PRIMARY KEY (signed_ms)
)""",
        """
CREATE OR REPLACE FUNCTION jurat_queue_verdicts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    SELECT statement_timestamp(), 'verdict', v.check_id || '/' || v.revision FROM added v;
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_queue_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    VALUES (statement_timestamp(), TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[1]);
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_queue_retention() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_history) THEN
    INSERT INTO jurat_unsealed (queued_at, kind, subject)
    VALUES (statement_timestamp(), 'retention', NEW.check_id || '/' || NEW.revision);
  END IF;
  RETURN NULL;
END $$""",
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
    UPDATE jurat_leaves SET salt = NULL WHERE subject = ANY (subjects) AND kind = TG_ARGV[0];
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_queued AFTER INSERT ON jurat_verdicts REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_verdicts()""",
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_purged('verdict')""",
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_limited AFTER UPDATE OF retain_until ON jurat_verdicts FOR EACH ROW
EXECUTE FUNCTION jurat_queue_retention()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_queued AFTER UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL)
EXECUTE FUNCTION jurat_queue_row('request', 'id')""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_purged AFTER DELETE ON jurat_requests REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION jurat_queue_purged('request')""",
        """
CREATE OR REPLACE TRIGGER jurat_codes_queued AFTER UPDATE OF redeemed_by ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_queue_row('redemption', 'redeemed_by')""",
        """
CREATE OR REPLACE TRIGGER jurat_configs_queued AFTER INSERT ON jurat_configs FOR EACH ROW
EXECUTE FUNCTION jurat_queue_row('configuration', 'version')""",
        """
CREATE OR REPLACE TRIGGER jurat_audit_queued AFTER INSERT ON jurat_audit FOR EACH ROW
EXECUTE FUNCTION jurat_queue_row('audit', 'id')""",
        "ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_queued",
        "ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_purged",
        "ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_limited",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_queued",
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_purged",
        "ALTER TABLE jurat_codes ENABLE ALWAYS TRIGGER jurat_codes_queued",
        "ALTER TABLE jurat_configs ENABLE ALWAYS TRIGGER jurat_configs_queued",
        "ALTER TABLE jurat_audit ENABLE ALWAYS TRIGGER jurat_audit_queued",
        """
REVOKE ALL ON FUNCTION jurat_queue_verdicts(), jurat_queue_row(), jurat_queue_retention(), jurat_queue_purged()
  FROM PUBLIC""",
    ),
    "sqlite": (
        """
CREATE TABLE jurat_history (
  began_at CHAR(23) NOT NULL,
  began_by text NOT NULL,
  sealed_at CHAR(23),
  PRIMARY KEY (began_at)
) WITHOUT ROWID""",
        """
CREATE TABLE jurat_unsealed (
  queued_at CHAR(23) NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  PRIMARY KEY (queued_at, kind, subject)
) WITHOUT ROWID""",
        """
CREATE TABLE jurat_leaves (
  number bigint NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  due_at CHAR(23),
  salt BLOB,
  content BLOB,
  person BLOB,
  PRIMARY KEY (number)
) WITHOUT ROWID""",
        "CREATE INDEX jurat_leaves_subject ON jurat_leaves (subject, kind)",
        """
CREATE TABLE jurat_tree_heads (
  signed_ms bigint NOT NULL,
  tree_size bigint NOT NULL,
  root_hash BLOB NOT NULL,
  signature BLOB NOT NULL,
  lost_from bigint,
  frontier BLOB NOT NULL,
  PRIMARY KEY (signed_ms)
) WITHOUT ROWID""",
        """
CREATE TRIGGER jurat_verdicts_queued AFTER INSERT ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'verdict', NEW.check_id || '/' || NEW.revision);
END""",
        """
CREATE TRIGGER jurat_verdicts_purged AFTER DELETE ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.check_id || '/' || OLD.revision);
  UPDATE jurat_leaves SET salt = NULL WHERE subject = OLD.check_id || '/' || OLD.revision AND kind = 'verdict';
END""",
        """
CREATE TRIGGER jurat_verdicts_limited AFTER UPDATE OF retain_until ON jurat_verdicts
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'retention', NEW.check_id || '/' || NEW.revision);
END""",
        """
CREATE TRIGGER jurat_requests_queued AFTER UPDATE OF applied_at ON jurat_requests
WHEN OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'request', NEW.id);
END""",
        """
CREATE TRIGGER jurat_requests_purged AFTER DELETE ON jurat_requests
WHEN OLD.applied_at IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'purge', OLD.id);
  UPDATE jurat_leaves SET salt = NULL WHERE subject = OLD.id AND kind = 'request';
END""",
        """
CREATE TRIGGER jurat_codes_queued AFTER UPDATE OF redeemed_by ON jurat_codes
WHEN OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL AND EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'redemption', NEW.redeemed_by);
END""",
        """
CREATE TRIGGER jurat_configs_queued AFTER INSERT ON jurat_configs
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'configuration', NEW.version);
END""",
        """
CREATE TRIGGER jurat_audit_queued AFTER INSERT ON jurat_audit
WHEN EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), 'audit', NEW.id);
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
