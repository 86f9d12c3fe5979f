"""The sealed history: its tables, and what waits for it."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0008_history"
down_revision = "0007_seal_keys"

_TABLES = (
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
)

_VERDICT = "{0}.check_id || '/' || {0}.revision"


def _queued(made: str, kind: str, subject: str, when: str = "", salt_of: str = "") -> str:
    """A trigger of SQLite that has a row wait for the history, and erases the salt of one that was deleted."""
    erase = (
        f"\n  UPDATE jurat_leaves SET salt = NULL WHERE subject = {subject} AND kind = '{salt_of}';" if salt_of else ""
    )
    return f"""
CREATE TRIGGER {made}
WHEN {when}EXISTS (SELECT 1 FROM jurat_history)
BEGIN
  INSERT INTO jurat_unsealed (queued_at, kind, subject)
  VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), '{kind}', {subject});{erase}
END"""


STATEMENTS = {
    "postgresql": firing_always(
        *_TABLES,
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_leaves_subject ON jurat_leaves (subject, kind)",
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
        """
REVOKE ALL ON FUNCTION jurat_queue_verdicts(), jurat_queue_row(), jurat_queue_retention(), jurat_queue_purged()
  FROM PUBLIC""",
    ),
    "sqlite": (
        *map(tables_for_sqlite, _TABLES),
        "CREATE INDEX jurat_leaves_subject ON jurat_leaves (subject, kind)",
        _queued("jurat_verdicts_queued AFTER INSERT ON jurat_verdicts", "verdict", _VERDICT.format("NEW")),
        _queued("jurat_verdicts_purged AFTER DELETE ON jurat_verdicts", "purge", _VERDICT.format("OLD"), "", "verdict"),
        _queued(
            "jurat_verdicts_limited AFTER UPDATE OF retain_until ON jurat_verdicts",
            "retention",
            _VERDICT.format("NEW"),
        ),
        _queued(
            "jurat_requests_queued AFTER UPDATE OF applied_at ON jurat_requests",
            "request",
            "NEW.id",
            "OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL AND ",
        ),
        _queued(
            "jurat_requests_purged AFTER DELETE ON jurat_requests",
            "purge",
            "OLD.id",
            "OLD.applied_at IS NOT NULL AND ",
            "request",
        ),
        _queued(
            "jurat_codes_queued AFTER UPDATE OF redeemed_by ON jurat_codes",
            "redemption",
            "NEW.redeemed_by",
            "OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL AND ",
        ),
        _queued("jurat_configs_queued AFTER INSERT ON jurat_configs", "configuration", "NEW.version"),
        _queued("jurat_audit_queued AFTER INSERT ON jurat_audit", "audit", "NEW.id"),
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
