"""What a login may write, continued: unknown questions, leases without an end, starts, versions, retired seal keys."""

from __future__ import annotations

from alembic import op

revision = "0015_queue"
down_revision = "0014_claims"

STATEMENTS = {
    "postgresql": (
        """
CREATE OR REPLACE FUNCTION jurat_show_submitted()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_erased(NEW.participant) THEN
    RAISE EXCEPTION 'jurat: participant must not begin with erased-, which marks erased participants'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.round <> 1 OR EXISTS (
    SELECT FROM jurat_checks c
    WHERE c.consultation = NEW.consultation AND c.participant = NEW.participant AND c.id <> NEW.id
  ) OR EXISTS (
    SELECT FROM jurat_requests s
    WHERE s.consultation = NEW.consultation AND s.participant = NEW.participant
      AND s.kind IN ('reopen', 'revoke', 'restore')
  ) THEN
    PERFORM jurat_require_open(NEW);
  END IF;
  INSERT INTO jurat_access AS a (consultation, participant, access, questions, rounds_left, config_version,
                                 updated_at)
  SELECT NEW.consultation, NEW.participant, 'pending',
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN 'pending' ELSE 'open' END),
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN rounds - 1 ELSE rounds END),
         max(config_version), statement_timestamp()
  FROM jurat_questions WHERE consultation = NEW.consultation HAVING bool_or(question = NEW.question)
  ON CONFLICT (consultation, participant) DO UPDATE SET
    access = CASE WHEN a.access IN ('granted', 'blocked') OR a.questions ->> NEW.question = 'accepted' THEN a.access
                  ELSE 'pending' END,
    questions = CASE WHEN a.questions ->> NEW.question = 'accepted' THEN a.questions
                     ELSE jsonb_set(a.questions, ARRAY[NEW.question], '"pending"') END,
    rounds_left = jsonb_set(a.rounds_left, ARRAY[NEW.question], to_jsonb(
      CASE WHEN a.questions ->> NEW.question = 'accepted' THEN 0
           ELSE greatest(0, coalesce((a.rounds_left ->> NEW.question)::int, 1) - 1) END)),
    updated_at = statement_timestamp();
  IF NOT FOUND AND NOT jurat_is_owner() THEN
    RAISE EXCEPTION USING
      ERRCODE = CASE WHEN EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = NEW.consultation)
        THEN 'JU002' ELSE 'JU001' END,
      MESSAGE = format('jurat: no question %s/%s is configured', left(NEW.consultation, 80), left(NEW.question, 80)),
      HINT = 'jurat_questions lists what is asked; `bin/jurat config apply` publishes more.';
  END IF;
  RETURN NULL;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_fix_starts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.next_start_at := least(NEW.next_start_at, statement_timestamp() + interval '1 day');
  NEW.probe_at := least(NEW.probe_at, statement_timestamp() + interval '1 day');
  RETURN NEW;
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_version() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.version = 1 + coalesce((SELECT max(c.version) FROM jurat_configs c), 0) OR jurat_is_owner() THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: the version of a configuration is one more than the last', TG_OP,
    TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE FUNCTION jurat_keep_seal_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF jurat_is_owner() OR NOT EXISTS (SELECT FROM jurat_seal_keys k WHERE k.public_key = NEW.public_key) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: a seal key is added once', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_fenced BEFORE UPDATE OF fence ON jurat_checks FOR EACH ROW
WHEN (NEW.fence NOT IN (OLD.fence, OLD.fence + 1))
EXECUTE FUNCTION jurat_refuse_others('a fence never falls, and rises by one')""",
        """
CREATE OR REPLACE TRIGGER jurat_checks_lent BEFORE UPDATE OF state, lease_until ON jurat_checks FOR EACH ROW
WHEN (NEW.lease_until > statement_timestamp() + interval '1 hour'
  OR NEW.state = 'leased' AND NEW.lease_until IS NULL)
EXECUTE FUNCTION jurat_refuse_others('a lease ends within the hour')""",
        """
CREATE OR REPLACE TRIGGER jurat_sources_started BEFORE UPDATE OF next_start_at, probe_at ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.next_start_at, NEW.probe_at) > statement_timestamp() + interval '1 day')
EXECUTE FUNCTION jurat_fix_starts()""",
        """
CREATE OR REPLACE TRIGGER jurat_configs_added BEFORE INSERT ON jurat_configs
FOR EACH ROW EXECUTE FUNCTION jurat_keep_version()""",
        """
CREATE OR REPLACE TRIGGER jurat_seal_keys_added BEFORE INSERT ON jurat_seal_keys
FOR EACH ROW EXECUTE FUNCTION jurat_keep_seal_key()""",
        "ALTER TABLE jurat_sources ENABLE ALWAYS TRIGGER jurat_sources_started",
        "ALTER TABLE jurat_configs ENABLE ALWAYS TRIGGER jurat_configs_added",
        "ALTER TABLE jurat_seal_keys ENABLE ALWAYS TRIGGER jurat_seal_keys_added",
        "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_fenced",
        "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_lent",
        "REVOKE ALL ON FUNCTION jurat_fix_starts(), jurat_keep_version(), jurat_keep_seal_key() FROM PUBLIC",
    ),
    "sqlite": (
        "DROP TRIGGER jurat_seal_keys_added",
        """
CREATE TRIGGER jurat_seal_keys_added BEFORE INSERT ON jurat_seal_keys
WHEN EXISTS (SELECT 1 FROM jurat_seal_keys WHERE id = NEW.id OR public_key = NEW.public_key)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key cannot be replaced');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
