"""The results of each source by hour and reason, which sources are suspect because these jumped, and where answers
differ from the tests. And what a login may write: times of reviews and requests, imports, and what no one can read.
"""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0018_second_round"
down_revision = "0015_queue"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_outcomes (
  source text NOT NULL,
  hour integer NOT NULL,
  reason text NOT NULL,
  results integer NOT NULL,
  PRIMARY KEY (source, hour, reason)
)"""

STATEMENTS = {
    "postgresql": (
        *firing_always(
            _TABLE,
            """
ALTER TABLE jurat_sources
  ADD COLUMN IF NOT EXISTS suspect_since timestamptz,
  ADD COLUMN IF NOT EXISTS suspect_reason text,
  ADD COLUMN IF NOT EXISTS suspect_share float8,
  ADD COLUMN IF NOT EXISTS usual_share float8,
  ADD COLUMN IF NOT EXISTS drift text,
  ADD COLUMN IF NOT EXISTS shadow jsonb""",
            """
CREATE OR REPLACE TRIGGER jurat_sources_in_time BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_revocation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN OLD;
  ELSIF EXISTS (
    SELECT FROM jurat_access a WHERE a.consultation = OLD.consultation AND a.participant = OLD.participant
  ) OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.consultation = OLD.consultation AND c.participant = OLD.participant) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: it stays while the participant is known', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  ELSIF OLD.kind <> 'reopen' AND (OLD.kind = 'revoke') <> EXISTS (
    SELECT FROM jurat_requests r WHERE r.consultation = OLD.consultation AND r.participant = OLD.participant
      AND r.kind IN ('revoke', 'restore') AND r.kind <> OLD.kind AND r.applied_at IS NOT NULL AND r.refused IS NULL
      AND (OLD.kind = 'revoke') = ((r.applied_at, r.asked_at, r.id) > (OLD.applied_at, OLD.asked_at, OLD.id)))
  THEN
    RETURN NULL;
  END IF;
  RETURN OLD;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_review() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF TG_OP = 'INSERT' OR (OLD.decided_at IS NOT NULL AND NEW.decided_at IS NULL) THEN
    NEW.opened_at := statement_timestamp();
    NEW.due_at := greatest(NEW.due_at, NEW.opened_at + interval '1 hour');
  ELSE
    NEW.opened_at := OLD.opened_at;
    NEW.due_at := greatest(NEW.due_at, OLD.due_at);
  END IF;
  IF NEW.decided_at IS NOT NULL THEN
    NEW.decided_at := coalesce(OLD.decided_at, statement_timestamp());
  END IF;
  RETURN NEW;
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_fix_request_times() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() THEN
    RETURN NEW;
  ELSIF TG_OP = 'INSERT' THEN
    NEW.asked_at := statement_timestamp();
  ELSE
    NEW.applied_at := statement_timestamp();
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
  IF (SELECT count(*) FROM jurat_datasets d WHERE d.id = ANY (versions) AND d.state = TG_ARGV[0])
    = cardinality(versions) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: its version is not %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE FUNCTION jurat_keep_claims()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT EXISTS (
    SELECT FROM jurat_claims k WHERE k.check_id = NEW.id AND k.participant = OLD.participant) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: the numbers of a check go along with it', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
            """
CREATE OR REPLACE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer, reply_key ON jurat_checks FOR EACH ROW
WHEN ((NEW.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer)
  OR (NEW.reply_key IS NOT NULL AND NEW.reply_key IS DISTINCT FROM OLD.reply_key))
EXECUTE FUNCTION jurat_refuse_change('a confirmed answer cannot be changed')""",
            """
CREATE OR REPLACE TRIGGER jurat_claims_added BEFORE INSERT ON jurat_claims
FOR EACH ROW EXECUTE FUNCTION jurat_keep_claim()""",
            """
CREATE OR REPLACE TRIGGER jurat_reviews_timed BEFORE INSERT OR UPDATE OF opened_at, due_at, decided_at ON jurat_reviews
FOR EACH ROW EXECUTE FUNCTION jurat_keep_review()""",
            """
CREATE OR REPLACE TRIGGER jurat_requests_asked_now BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.asked_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_fix_request_times()""",
            """
CREATE OR REPLACE TRIGGER jurat_requests_applied_now BEFORE UPDATE OF applied_at ON jurat_requests FOR EACH ROW
WHEN (OLD.applied_at IS NULL AND NEW.applied_at < statement_timestamp() - interval '1 minute')
EXECUTE FUNCTION jurat_fix_request_times()""",
            """
CREATE OR REPLACE TRIGGER jurat_verdicts_sized BEFORE INSERT ON jurat_verdicts FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576
  OR NEW.evidence @? '$.**{32}' OR NEW.evidence @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR greatest(length(NEW.reason), length(NEW.decided_by), length(NEW.source), length(NEW.data_date)) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence is readable and has at most 1 MiB, and each text 200 characters')""",
            """
CREATE OR REPLACE TRIGGER jurat_reviews_sized BEFORE INSERT OR UPDATE OF reason, evidence ON jurat_reviews FOR EACH ROW
WHEN (octet_length(NEW.evidence::text) > 1048576
  OR NEW.evidence @? '$.**{32}' OR NEW.evidence @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR length(NEW.reason) > 200)
EXECUTE FUNCTION jurat_refuse_others('evidence is readable and has at most 1 MiB, and a reason 200 characters')""",
            """
CREATE OR REPLACE TRIGGER jurat_audit_sized BEFORE INSERT ON jurat_audit FOR EACH ROW
WHEN (octet_length(NEW.detail::text) > 65536 OR jsonb_typeof(NEW.detail) <> 'object'
  OR NEW.detail @? '$.**{32}' OR NEW.detail @? '$.**{0 to 31} ? (@ > 1e300 || @ < -1e300)'
  OR greatest(length(NEW.actor), length(NEW.action), length(NEW.subject)) > 500)
EXECUTE FUNCTION jurat_refuse_others('detail is a readable object of at most 64 KiB, and each text of 500 letters')""",
            """
CREATE OR REPLACE TRIGGER jurat_configs_sized BEFORE INSERT ON jurat_configs FOR EACH ROW
WHEN (NEW.change IS NULL AND (jsonb_typeof(NEW.document) <> 'object'
  OR NEW.document @? '$.**{200}' OR NEW.document @? '$.**{0 to 199} ? (@ > 1e300 || @ < -1e300)'))
EXECUTE FUNCTION jurat_refuse_others('a document is a readable object')""",
            """
CREATE OR REPLACE TRIGGER jurat_access_shaped BEFORE INSERT OR UPDATE ON jurat_access FOR EACH ROW
WHEN ((jsonb_typeof(NEW.questions), jsonb_typeof(NEW.rounds_left), jsonb_typeof(NEW.ended))
    <> ('object', 'object', 'object')
  OR NEW.questions @? 'strict $.* ? (@.type() != "string")'
  OR NEW.rounds_left @? 'strict $.* ? (@.type() != "number" || @ < 0 || @ > 32767)'
  OR NEW.ended @? 'strict $.* ? (@.type() != "array")' OR NEW.ended @? 'strict $.*[*] ? (@.type() != "string")')
EXECUTE FUNCTION jurat_refuse_others('questions have a state, a number of rounds, and a list of what ended them')""",
            """
CREATE OR REPLACE TRIGGER jurat_workers_shaped BEFORE INSERT OR UPDATE OF sources, unseal_keys, hash_keys
ON jurat_workers FOR EACH ROW
WHEN (jsonb_build_array(NEW.sources, NEW.unseal_keys, NEW.hash_keys)
    @? 'strict $[*] ? (@.type() != "array" && @.type() != "null")'
  OR jsonb_build_array(NEW.sources, NEW.unseal_keys, NEW.hash_keys)
    @? 'strict $[*] ? (@.type() == "array")[*] ? (@.type() != "string")')
EXECUTE FUNCTION jurat_refuse_others('sources and keys are lists of texts')""",
            """
CREATE OR REPLACE TRIGGER jurat_datasets_moved BEFORE UPDATE ON jurat_datasets FOR EACH ROW
WHEN ((NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('staged', 'active'), ('staged', 'removing'), ('active', 'retired'), ('active', 'removing'),
    ('retired', 'removing'), ('removing', 'removed')))
  OR (OLD.state <> 'staged' AND to_jsonb(NEW) - 'state' <> to_jsonb(OLD) - 'state'))
EXECUTE FUNCTION jurat_refuse_others('a version is filled, in force, retired, and removed, in this order')""",
            "DROP TRIGGER IF EXISTS jurat_checks_claims ON jurat_checks",
            """
CREATE CONSTRAINT TRIGGER jurat_checks_claims AFTER UPDATE OF participant ON jurat_checks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.participant <> OLD.participant)
EXECUTE FUNCTION jurat_keep_claims()""",
            *(
                f"CREATE OR REPLACE TRIGGER jurat_{table}_{done} AFTER {event} ON jurat_{table} REFERENCING {rows}"
                f" TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('{state}')"
                for table in ("dataset_streets", "dataset_houses", "dataset_words", "roster_entries")
                for done, event, rows, state in (
                    ("added", "INSERT", "NEW", "staged"),
                    ("changed", "UPDATE", "NEW", "staged"),
                    ("deleted", "DELETE", "OLD", "removing"),
                )
                if event != "UPDATE" or table == "dataset_streets"
            ),
        ),
        "REVOKE ALL ON FUNCTION jurat_keep_review(), jurat_keep_claims() FROM PUBLIC",
        "REVOKE ALL ON FUNCTION jurat_fix_request_times(), jurat_keep_imported() FROM PUBLIC",
    ),
    "sqlite": (
        tables_for_sqlite(_TABLE),
        "ALTER TABLE jurat_sources ADD COLUMN suspect_since CHAR(23)",
        "ALTER TABLE jurat_sources ADD COLUMN suspect_reason text",
        "ALTER TABLE jurat_sources ADD COLUMN suspect_share FLOAT",
        "ALTER TABLE jurat_sources ADD COLUMN usual_share FLOAT",
        "ALTER TABLE jurat_sources ADD COLUMN drift text",
        "ALTER TABLE jurat_sources ADD COLUMN shadow JSON",
        "DROP TRIGGER jurat_checks_answer_confirmed",
        """
CREATE TRIGGER jurat_checks_answer_confirmed BEFORE UPDATE OF answer, reply_key ON jurat_checks
WHEN (NEW.answer IS NOT NULL AND NEW.answer IS NOT OLD.answer)
  OR (NEW.reply_key IS NOT NULL AND NEW.reply_key IS NOT OLD.reply_key)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a confirmed answer cannot be changed');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
