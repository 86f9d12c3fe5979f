"""What a login may write, continued: times, sizes, and a verdict for each settled check. Configurations, zones and
datasets keep who brought them.
"""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0010_permitted"
down_revision = "0009_delayed_requests"

STATEMENTS = {
    "postgresql": firing_always(
        "ALTER TABLE jurat_configs ADD COLUMN IF NOT EXISTS login text",
        "ALTER TABLE jurat_zones ADD COLUMN IF NOT EXISTS login text",
        "ALTER TABLE jurat_datasets ADD COLUMN IF NOT EXISTS login text",
        "ALTER TABLE jurat_configs ALTER COLUMN login SET DEFAULT session_user",
        "ALTER TABLE jurat_zones ALTER COLUMN login SET DEFAULT session_user",
        "ALTER TABLE jurat_datasets ALTER COLUMN login SET DEFAULT session_user",
        """
CREATE OR REPLACE FUNCTION jurat_keep_decided() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM jurat_verdicts v WHERE v.check_id = NEW.id) OR jurat_is_owner() THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a check is settled with a verdict', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_claim() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant = NEW.participant) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a number belongs to the participant of its check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_code() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR EXISTS (SELECT FROM jurat_checks c WHERE c.id = NEW.redeemed_by) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a code is redeemed by a check', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_participant()
RETURNS trigger LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR EXISTS (
    SELECT FROM jurat_requests e
    WHERE e.kind = 'erase' AND e.applied_at IS NULL AND e.participant = OLD.participant
      AND (e.apply_from IS NULL OR e.apply_from <= clock_timestamp())
      AND (e.consultation IS NULL OR e.consultation = NEW.consultation)
  ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a participant is erased where someone asked for it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_revocation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT (EXISTS (
    SELECT FROM jurat_access a WHERE a.consultation = OLD.consultation AND a.participant = OLD.participant
  ) OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.consultation = OLD.consultation AND c.participant = OLD.participant)) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: it stays while the participant is known', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        "DROP TRIGGER IF EXISTS jurat_checks_decided ON jurat_checks",
        """
CREATE CONSTRAINT TRIGGER jurat_checks_decided AFTER UPDATE OF state ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state = 'settled' AND OLD.state <> 'settled')
EXECUTE FUNCTION jurat_keep_decided()""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_wanted BEFORE INSERT ON jurat_checks FOR EACH ROW
WHEN (NEW.priority NOT IN ('interactive', 'bulk'))
EXECUTE FUNCTION jurat_refuse_others('a priority is interactive or bulk')""",
        """
CREATE OR REPLACE TRIGGER jurat_claims_renamed BEFORE UPDATE OF participant ON jurat_claims FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_claim()""",
        """
CREATE OR REPLACE TRIGGER jurat_codes_used BEFORE UPDATE OF redeemed_by ON jurat_codes FOR EACH ROW
WHEN (OLD.redeemed_by IS NULL AND NEW.redeemed_by IS NOT NULL)
EXECUTE FUNCTION jurat_keep_code()""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_lent BEFORE UPDATE OF lease_until ON jurat_checks FOR EACH ROW
WHEN (NEW.lease_until > statement_timestamp() + interval '1 hour')
EXECUTE FUNCTION jurat_refuse_others('a lease ends within the hour')""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_erased BEFORE UPDATE OF participant ON jurat_checks FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_participant()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_revoked BEFORE DELETE ON jurat_requests FOR EACH ROW
WHEN (OLD.kind IN ('revoke', 'restore') AND OLD.refused IS NULL AND OLD.participant NOT LIKE 'erased-%')
EXECUTE FUNCTION jurat_keep_revocation()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_erased BEFORE UPDATE OF participant ON jurat_requests FOR EACH ROW
WHEN (NEW.participant <> OLD.participant AND NEW.participant LIKE 'erased-%' AND OLD.applied_at IS NOT NULL
  AND OLD.kind IN ('reopen', 'revoke', 'restore'))
EXECUTE FUNCTION jurat_keep_participant()""",
        """
CREATE OR REPLACE TRIGGER jurat_access_in_time BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN (greatest(NEW.updated_at, NEW.granted_until, NEW.changes_at) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.updated_at, NEW.granted_until, NEW.changes_at) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
        """
CREATE OR REPLACE TRIGGER jurat_reviews_in_time BEFORE INSERT OR UPDATE ON jurat_reviews FOR EACH ROW
WHEN (greatest(NEW.opened_at, NEW.due_at, NEW.decided_at) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.opened_at, NEW.due_at, NEW.decided_at) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
        """
CREATE OR REPLACE TRIGGER jurat_pauses_in_time BEFORE INSERT OR UPDATE ON jurat_pauses FOR EACH ROW
WHEN (greatest(NEW.began_at, NEW.until) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.began_at, NEW.until) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
        """
CREATE OR REPLACE TRIGGER jurat_sources_in_time BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
        """
CREATE OR REPLACE TRIGGER jurat_upkeep_in_time BEFORE INSERT OR UPDATE ON jurat_upkeep FOR EACH ROW
WHEN (NEW.ran_at > statement_timestamp() + interval '1 minute' OR NEW.ran_at < '1970-01-01 00:00:00.000Z'
  OR NEW.hold_until > statement_timestamp() + interval '1 hour')
EXECUTE FUNCTION jurat_refuse_others('upkeep ran in the past, and is held for an hour at most')""",
        """
CREATE OR REPLACE TRIGGER jurat_workers_in_time BEFORE INSERT OR UPDATE OF seen_at ON jurat_workers FOR EACH ROW
WHEN (NEW.seen_at > statement_timestamp() + interval '1 minute'
  OR least(NEW.seen_at, NEW.started_at) < '1970-01-01 00:00:00.000Z'
  OR NEW.started_at > '9000-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a worker was seen in the past')""",
        """
CREATE OR REPLACE TRIGGER jurat_missing_keys_in_time BEFORE INSERT OR UPDATE OF since, seen_at ON jurat_missing_keys
FOR EACH ROW
WHEN (NEW.seen_at > statement_timestamp() + interval '1 minute'
  OR least(NEW.seen_at, NEW.since) < '1970-01-01 00:00:00.000Z'
  OR NEW.since > '9000-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a key was missing in the past')""",
        """
CREATE OR REPLACE TRIGGER jurat_tree_heads_sized BEFORE INSERT ON jurat_tree_heads FOR EACH ROW
WHEN (NEW.signed_ms NOT BETWEEN 0 AND 221845392000000 OR least(NEW.tree_size, NEW.lost_from) < 0
  OR octet_length(NEW.root_hash) <> 32 OR octet_length(NEW.signature) <> 64 OR octet_length(NEW.frontier) > 2048)
EXECUTE FUNCTION jurat_refuse_others('a head has a time, a size, a hash and a signature')""",
        """
CREATE OR REPLACE TRIGGER jurat_verdicts_sized BEFORE INSERT ON jurat_verdicts FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576
  OR greatest(length(NEW.reason), length(NEW.decided_by), length(NEW.source), length(NEW.data_date)) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence has at most 1 MiB, and each text 200 characters')""",
        """
CREATE OR REPLACE TRIGGER jurat_reviews_sized BEFORE INSERT OR UPDATE OF reason, evidence ON jurat_reviews FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576 OR length(NEW.reason) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence has at most 1 MiB, and a reason 200 characters')""",
        """
CREATE OR REPLACE TRIGGER jurat_access_sized BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN (greatest(pg_column_size(NEW.questions), pg_column_size(NEW.rounds_left), pg_column_size(NEW.ended)) > 65536
  OR length(NEW.access) > 200)
EXECUTE FUNCTION jurat_refuse_others('what the answers add up to has at most 64 KiB')""",
        """
CREATE OR REPLACE TRIGGER jurat_audit_sized BEFORE INSERT ON jurat_audit FOR EACH ROW
WHEN (octet_length(NEW.detail::text) > 65536
  OR greatest(length(NEW.actor), length(NEW.action), length(NEW.subject)) > 500)
EXECUTE FUNCTION jurat_refuse_others('detail has at most 64 KiB, and each text 500 characters')""",
        "REVOKE ALL ON FUNCTION jurat_keep_decided(), jurat_keep_claim(), jurat_keep_code() FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_keep_participant(), jurat_keep_revocation() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_configs ADD COLUMN login text",
        "ALTER TABLE jurat_zones ADD COLUMN login text",
        "ALTER TABLE jurat_datasets ADD COLUMN login text",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
