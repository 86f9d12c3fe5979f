"""Submitting by one call: `jurat_submit` does what the Python client does. And a notice of verdicts, switched off.

PostgreSQL alone; on SQLite there is nothing to do. The function runs with the caller's own rights. What shows an answer
in `jurat_access` runs with the owner's from here on, so that a platform needs no right to write there: it has its own
search path, with temporary tables last, and nobody else may attach it to a table.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Control, format and private-use characters and every blank but the common one, as Python's str.isprintable has them.
UNPRINTABLE = (
    r"[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]"
)

# Undetermined verdicts with one of these reasons cost no round: `jurat.vocabulary.COSTS_NO_ROUND` then.
COSTS_NO_ROUND = (
    *("source_unavailable", "source_throttled", "source_maintenance", "source_credentials", "source_rejected_request"),
    *("source_unreadable", "source_blocked", "answer_unreadable", "worker_lost", "configuration_missing"),
    *("deadline_passed", "number_malformed", "code_malformed", "ambiguous_address"),
)


def _unusable(name: str) -> str:
    return (
        f"jurat_submit.{name} IS NULL OR length(jurat_submit.{name}) NOT BETWEEN 1 AND 200 OR jurat_submit.{name} ~ bad"
    )


SUBMIT = f"""
CREATE FUNCTION jurat_submit(
  consultation text, participant text, question text, answer bytea, answer_key text, id uuid DEFAULT NULL,
  priority text DEFAULT 'interactive', reply_key bytea DEFAULT NULL, traceparent text DEFAULT NULL
) RETURNS TABLE (check_id uuid, round int, created boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  bad constant text := '{UNPRINTABLE}';
  wrong text;
  asked record;
  before record;
  this_id uuid := jurat_submit.id;
  this_round int;
  standing uuid;
BEGIN
  wrong := CASE
    WHEN {_unusable("consultation")} THEN 'consultation must be 1 to 200 printable characters'
    WHEN {_unusable("participant")} THEN 'participant must be 1 to 200 printable characters'
    WHEN {_unusable("question")} THEN 'question must be 1 to 200 printable characters'
    WHEN jurat_submit.priority NOT IN ('interactive', 'bulk') THEN 'priority must be interactive or bulk'
    WHEN octet_length(jurat_submit.reply_key) <> 32 THEN 'reply_key must be the 32 bytes of a public key'
    WHEN jurat_submit.traceparent !~ '^[ -~]{{0,100}}$'
      THEN 'traceparent must be a W3C trace context of at most 100 ASCII characters'
  END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005', MESSAGE = 'jurat: ' || wrong,
      HINT = 'Mend the call; nothing was confirmed.';
  END IF;

  SELECT q.source, q.rounds, q.deadline_s INTO asked FROM jurat_questions q
  WHERE q.consultation = jurat_submit.consultation AND q.question = jurat_submit.question;
  IF NOT FOUND THEN
    IF EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_submit.consultation) THEN
      RAISE EXCEPTION USING ERRCODE = 'JU002',
        MESSAGE = format('jurat: consultation "%s" has no question "%s"', left(jurat_submit.consultation, 80),
                         left(jurat_submit.question, 80)),
        HINT = 'It asks: ' || (SELECT string_agg(q.question, ', ' ORDER BY q.position) FROM jurat_questions q
                               WHERE q.consultation = jurat_submit.consultation);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'JU001',
      MESSAGE = format('jurat: no consultation "%s" is configured', left(jurat_submit.consultation, 80)),
      HINT = '`bin/jurat config show` lists them, `bin/jurat config apply` publishes new ones.';
  END IF;

  SELECT max(e.round) AS round,
         (array_agg(e.id ORDER BY e.round DESC))[1] AS id,
         (array_agg(e.state ORDER BY e.round DESC))[1] AS state,
         coalesce(bool_or(e.state = 'settled' AND e.outcome = 'accepted'), false) AS accepted,
         count(*) FILTER (WHERE (e.state = 'settled' AND e.outcome = 'undetermined'
                                 AND e.reason IN ('{"', '".join(COSTS_NO_ROUND)}')) IS NOT TRUE) AS spent,
         max(e.round) FILTER (WHERE e.id = this_id) AS same
  INTO before
  FROM (SELECT c.id, c.round, c.state, v.outcome, v.reason FROM jurat_checks c
        LEFT JOIN LATERAL (SELECT w.outcome, w.reason FROM jurat_verdicts w WHERE w.check_id = c.id
                           ORDER BY w.revision DESC LIMIT 1) v ON true
        WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
          AND c.question = jurat_submit.question) e;
  IF before.same IS NOT NULL THEN
    RETURN QUERY SELECT this_id, before.same::int, false;
    RETURN;
  END IF;
  IF before.id IS NOT NULL AND (before.accepted OR before.spent >= asked.rounds OR before.state <> 'settled') THEN
    standing := before.id;
  ELSE
    IF octet_length(jurat_submit.answer) > 48 IS NOT TRUE OR jurat_submit.answer_key ~ '^[0-9a-f]{{16}}$' IS NOT TRUE
    THEN
      RAISE EXCEPTION USING ERRCODE = 'JU005',
        MESSAGE = 'jurat: answer must be sealed, and answer_key the 16 hexadecimal digits of its key',
        HINT = 'Close the JSON with crypto_box_seal of libsodium and the key that `bin/jurat doctor` names.';
    END IF;
    this_round := coalesce(before.round, 0) + 1;
    -- A UUIDv7: the milliseconds of the clock, then chance.
    this_id := coalesce(this_id, encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid);
    INSERT INTO jurat_checks (id, consultation, participant, question, round, priority, answer, answer_key, reply_key,
                              traceparent, source, due_at, submitted_at, deadline_at)
    VALUES (this_id, jurat_submit.consultation, jurat_submit.participant, jurat_submit.question, this_round,
            coalesce(jurat_submit.priority, 'interactive'), jurat_submit.answer, jurat_submit.answer_key,
            jurat_submit.reply_key, jurat_submit.traceparent, asked.source, statement_timestamp(),
            statement_timestamp(), statement_timestamp() + make_interval(secs => asked.deadline_s))
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      RETURN QUERY SELECT this_id, this_round, true;
      RETURN;
    END IF;
    -- Somebody else confirmed at the same moment, or the id is taken.
    SELECT c.round INTO before FROM jurat_checks c
    WHERE c.id = this_id AND c.consultation = jurat_submit.consultation
      AND c.participant = jurat_submit.participant AND c.question = jurat_submit.question;
    IF FOUND THEN
      RETURN QUERY SELECT this_id, before.round::int, false;
      RETURN;
    END IF;
    SELECT c.id INTO standing FROM jurat_checks c
    WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
      AND c.question = jurat_submit.question AND c.round = this_round;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'JU004',
        MESSAGE = format('jurat: the id %s belongs to the check of another answer', this_id),
        HINT = 'Make a new id for each answer, or leave it out.';
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'JU003',
    MESSAGE = format('jurat: an answer to %s/%s is confirmed already (check %s) and can not be changed',
                     left(jurat_submit.consultation, 80), left(jurat_submit.question, 80), standing),
    DETAIL = standing::text,
    HINT = 'Show its result instead: jurat_results has it by check_id, and DETAIL is the id.';
END $$
"""

TELL = """
CREATE FUNCTION jurat_tell_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('jurat_results', '');
  RETURN NULL;
END $$
"""

TOLD = """
CREATE TRIGGER jurat_verdicts_told AFTER INSERT ON jurat_verdicts
FOR EACH STATEMENT EXECUTE FUNCTION jurat_tell_results()
"""

LISTEN = """
CREATE FUNCTION jurat_listen(enabled boolean) RETURNS boolean LANGUAGE plpgsql STRICT SECURITY DEFINER
SET lock_timeout = '3s' AS $$
BEGIN
  IF enabled = (SELECT t.tgenabled <> 'D' FROM pg_trigger t
                WHERE t.tgrelid = 'jurat_verdicts'::regclass AND t.tgname = 'jurat_verdicts_told') THEN
    RETURN false;
  END IF;
  IF enabled THEN
    ALTER TABLE jurat_verdicts ENABLE TRIGGER jurat_verdicts_told;
  ELSE
    ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_told;
  END IF;
  INSERT INTO jurat_audit (id, at, actor, action, subject, detail)
  VALUES (gen_random_uuid(), statement_timestamp(), session_user, 'listen', 'jurat_results',
          jsonb_build_object('enabled', enabled));
  RETURN true;
END $$
"""

# `FROM CURRENT` would keep "$user"; temporary tables, which anybody may make, come first unless they are named.
PINNED = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION jurat_submit SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION jurat_listen SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION jurat_show_submitted SECURITY DEFINER SET search_path = %I, pg_temp',
                 current_schema());
END $$
"""

OURS = ("jurat_show_submitted", "jurat_refuse_change", "jurat_tell_results", "jurat_submit", "jurat_listen")


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for statement in (SUBMIT, TELL, TOLD, LISTEN, PINNED):
        op.execute(statement)
    op.execute("ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_told")
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute("ALTER FUNCTION jurat_show_submitted SECURITY INVOKER RESET search_path")
    for name in OURS[:2]:
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO PUBLIC")
    op.execute("DROP TRIGGER jurat_verdicts_told ON jurat_verdicts")
    for name in OURS[2:]:
        op.execute(f"DROP FUNCTION {name}")
