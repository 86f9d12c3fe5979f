"""Transfers and erasures can be withdrawn for as long as an administrator said."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0009_delayed_requests"
down_revision = "0008_history"

STATEMENTS = {
    "postgresql": firing_always(
        "ALTER TABLE jurat_requests ADD COLUMN IF NOT EXISTS apply_from timestamptz",
        "ALTER TABLE jurat_allowances ADD COLUMN IF NOT EXISTS delay_s float8 NOT NULL DEFAULT 0",
        """
CREATE OR REPLACE FUNCTION jurat_delay_asked()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  NEW.apply_from := statement_timestamp() + make_interval(secs => (
    SELECT a.delay_s FROM jurat_allowances a WHERE a.login = session_user AND a.delay_s > 0));
  RETURN NEW;
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_delayed BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.kind IN ('erase', 'transfer')
  AND NOT has_column_privilege(session_user, 'jurat_requests'::regclass, 'target', 'INSERT'))
EXECUTE FUNCTION jurat_delay_asked()""",
        """
CREATE OR REPLACE FUNCTION jurat_refuse_renaming() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM jurat_requests t
             WHERE t.kind = 'transfer' AND t.applied_at IS NULL AND t.consultation = NEW.consultation
               AND t.participant = OLD.participant AND t.target = NEW.participant
               AND (t.apply_from IS NULL OR t.apply_from <= clock_timestamp())) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME,
    'whose answer to which question a check is cannot be changed'
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        "REVOKE ALL ON FUNCTION jurat_delay_asked() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_requests ADD COLUMN apply_from CHAR(23)",
        "ALTER TABLE jurat_allowances ADD COLUMN delay_s FLOAT NOT NULL DEFAULT 0",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
