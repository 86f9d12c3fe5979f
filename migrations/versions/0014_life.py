"""Answers that are given anew: an accepted one that has ended or soon will, and one more where a person allows it.

`jurat_submit` takes them, and refuses who was revoked, as the Python client does. What shows an answer in
`jurat_access` leaves an accepted question as it is: a renewal takes nothing away.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
SQLITE_TIME = "____-__-__ __:__:__.___"

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
CREATE OR REPLACE FUNCTION jurat_submit(
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
  more int;
  revoked boolean;
  until timestamptz;
  allowed int;
BEGIN
  wrong := CASE
    WHEN {_unusable("consultation")} THEN 'consultation must be 1 to 200 printable characters'
    WHEN {_unusable("participant")} THEN 'participant must be 1 to 200 printable characters'
    WHEN lower(left(jurat_submit.participant, 7)) = 'erased-'
      THEN 'participant must not begin with erased-, as the word for who was erased does'
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

  SELECT q.source, q.rounds, q.deadline_s, q.valid_s, coalesce(q.renew_s, 0) AS renew_s INTO asked
  FROM jurat_questions q
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
         max(e.decided_at) FILTER (WHERE e.accepted) AS accepted_at,
         count(*) FILTER (WHERE (e.round > e.last_accepted) IS NOT FALSE
                            AND (e.state = 'settled' AND e.outcome = 'undetermined'
                                 AND e.reason IN ('{"', '".join(COSTS_NO_ROUND)}')) IS NOT TRUE) AS spent,
         max(e.round) FILTER (WHERE e.id = this_id) AS same
  INTO before
  FROM (SELECT h.*, max(h.round) FILTER (WHERE h.accepted) OVER () AS last_accepted
        FROM (SELECT c.id, c.round, c.state, v.outcome, v.reason, v.decided_at,
                     c.state = 'settled' AND v.outcome = 'accepted' AS accepted
              FROM jurat_checks c
              LEFT JOIN LATERAL (SELECT w.outcome, w.reason, w.decided_at FROM jurat_verdicts w
                                 WHERE w.check_id = c.id ORDER BY w.revision DESC LIMIT 1) v ON true
              WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
                AND c.question = jurat_submit.question) h) e;
  IF before.same IS NOT NULL THEN
    RETURN QUERY SELECT this_id, before.same::int, false;
    RETURN;
  END IF;

  SELECT count(*) FILTER (WHERE s.kind = 'reopen' AND s.question = jurat_submit.question
                            AND (s.applied_at >= before.accepted_at) IS NOT FALSE),
         coalesce((array_agg(s.kind ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC)
                   FILTER (WHERE s.kind <> 'reopen'))[1] = 'revoke', false)
  INTO more, revoked
  FROM jurat_requests s
  WHERE s.consultation = jurat_submit.consultation AND s.participant = jurat_submit.participant
    AND s.kind IN ('reopen', 'revoke', 'restore') AND s.applied_at IS NOT NULL AND s.refused IS NULL;
  IF revoked THEN
    RAISE EXCEPTION USING ERRCODE = 'JU006',
      MESSAGE = format('jurat: this participant''s access to "%s" was revoked', left(jurat_submit.consultation, 80)),
      HINT = 'No answer is taken until it is restored; show them whom to ask: contact in jurat_questions.';
  END IF;
  -- While an accepted answer holds, more answers are taken in the time before its end, and where a person allows it.
  until := before.accepted_at + make_interval(secs => asked.valid_s);
  allowed := more + CASE
    WHEN before.accepted_at IS NULL OR until <= statement_timestamp() THEN asked.rounds
    WHEN until - make_interval(secs => asked.renew_s) <= statement_timestamp() THEN asked.rounds
    ELSE 0
  END;
  IF before.id IS NOT NULL AND (before.spent >= allowed OR before.state <> 'settled') THEN
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

SHOW_POSTGRESQL = """
CREATE OR REPLACE FUNCTION jurat_show_submitted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF lower(left(NEW.participant, 7)) = 'erased-' THEN
    RAISE EXCEPTION 'jurat: participant must not begin with erased-, as the word for who was erased does'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO jurat_access AS a (consultation, participant, access, questions, rounds_left, config_version,
                                 updated_at)
  SELECT NEW.consultation, NEW.participant, 'pending',
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN 'pending' ELSE 'open' END),
         jsonb_object_agg(question, CASE WHEN question = NEW.question THEN rounds - 1 ELSE rounds END),
         max(config_version), statement_timestamp()
  FROM jurat_questions WHERE consultation = NEW.consultation HAVING count(*) > 0
  ON CONFLICT (consultation, participant) DO UPDATE SET
    access = CASE WHEN a.access IN ('granted', 'blocked') OR a.questions ->> NEW.question = 'accepted' THEN a.access
                  ELSE 'pending' END,
    questions = CASE WHEN a.questions ->> NEW.question = 'accepted' THEN a.questions
                     ELSE jsonb_set(a.questions, ARRAY[NEW.question], '"pending"') END,
    rounds_left = jsonb_set(a.rounds_left, ARRAY[NEW.question], to_jsonb(
      CASE WHEN a.questions ->> NEW.question = 'accepted' THEN 0
           ELSE greatest(0, coalesce((a.rounds_left ->> NEW.question)::int, 1) - 1) END)),
    updated_at = statement_timestamp();
  RETURN NULL;
END $$
"""

ACCEPTED = """json_extract(questions, '$."' || NEW.question || '"') IS 'accepted'"""

SHOW_SQLITE = f"""
CREATE TRIGGER jurat_checks_submitted AFTER INSERT ON jurat_checks BEGIN
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them')
    WHERE NEW.due_at NOT LIKE '{SQLITE_TIME}' OR NEW.submitted_at NOT LIKE '{SQLITE_TIME}'
       OR NEW.deadline_at NOT LIKE '{SQLITE_TIME}';
  SELECT RAISE(ABORT, 'jurat: participant must not begin with erased-, as the word for who was erased does')
    WHERE lower(substr(NEW.participant, 1, 7)) = 'erased-';
  SELECT RAISE(ABORT, 'jurat: a check id is a UUID in its usual 36 lower-case characters')
    WHERE NEW.id NOT GLOB '????????-????-????-????-????????????' OR NEW.id <> lower(NEW.id);
  INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, config_version, updated_at)
    SELECT NEW.consultation, NEW.participant, 'pending', json_group_object(question, 'open'),
           json_group_object(question, rounds), max(config_version), {SQLITE_NOW}
    FROM jurat_questions q WHERE consultation = NEW.consultation
      AND NOT EXISTS (SELECT 1 FROM jurat_access a
                      WHERE a.consultation = NEW.consultation AND a.participant = NEW.participant)
    GROUP BY consultation;
  UPDATE jurat_access SET
    access = CASE WHEN access IN ('granted', 'blocked') OR {ACCEPTED} THEN access ELSE 'pending' END,
    questions = CASE WHEN {ACCEPTED} THEN questions
                     ELSE json_set(questions, '$."' || NEW.question || '"', 'pending') END,
    rounds_left = json_set(rounds_left, '$."' || NEW.question || '"', CASE WHEN {ACCEPTED} THEN 0
      ELSE max(0, coalesce(json_extract(rounds_left, '$."' || NEW.question || '"'), 1) - 1) END),
    updated_at = {SQLITE_NOW}
  WHERE consultation = NEW.consultation AND participant = NEW.participant;
END
"""

# A function that is replaced loses what was set on it.
PINNED = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION jurat_submit SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION jurat_show_submitted SECURITY DEFINER SET search_path = %I, pg_temp',
                 current_schema());
END $$
"""


def _former(file: str, name: str) -> Any:
    """What an earlier migration made, as it stands there."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def _named(statements: list[str], name: str) -> str:
    """The statement that creates the function or trigger `name`."""
    return next(statement for statement in statements if statement.split()[2].partition("(")[0] == name)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for statement in (SUBMIT, SHOW_POSTGRESQL, PINNED):
            op.execute(statement)
    else:
        op.execute("DROP TRIGGER jurat_checks_submitted")
        op.execute(SHOW_SQLITE)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        shown = _named(_former("0002_guards.py", "POSTGRESQL"), "jurat_show_submitted")
        for statement in (_former("0009_functions.py", "SUBMIT"), shown):
            op.execute(statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
        op.execute(PINNED)
    else:
        op.execute("DROP TRIGGER jurat_checks_submitted")
        op.execute(_named(_former("0002_guards.py", "SQLITE"), "jurat_checks_submitted"))
