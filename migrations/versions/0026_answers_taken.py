"""What a plain INSERT of an answer, or of a request, may hold: what the client sends, and only where one is open.

`jurat_submit` and the Python client ask both before they insert. Here the database holds it for whoever writes the
documented INSERT, by the same SQLSTATE; on SQLite the code stands in the message. What is in the tables stays.

A guard of sizes is a trigger and no CHECK: PostgreSQL quotes the whole row where a CHECK fails, and this its rule.

Whether an answer is open is found by the history and the clock, as `jurat_submit` does. Who has answered nothing in a
consultation, and about whom nobody asked for anything, has no history: that is the common case, and two lookups. The
same answer again is left to ON CONFLICT, and a question that is not configured to workers, as before.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# `jurat.answers.MAX_BYTES`, with what sealing adds; `jurat.names.LONGEST`; and what a note and codes come to.
ANSWER = 16 * 1024 + 48
TEXT = 200
NOTE = 4 * 2000 + 48
CODES = 4 << 20
CANDIDATES = 64 << 10

# Undetermined verdicts with one of these reasons cost no round: `jurat.vocabulary.COSTS_NO_ROUND` then.
COSTS_NO_ROUND = (
    *("source_unavailable", "source_throttled", "source_maintenance", "source_credentials", "source_rejected_request"),
    *("source_unreadable", "source_blocked", "answer_unreadable", "worker_lost", "configuration_missing"),
    *("deadline_passed", "number_malformed", "code_malformed", "ambiguous_address"),
)
FREE = f"""reason IN ('{"', '".join(COSTS_NO_ROUND)}')"""

ANSWERS = "an answer has at most 16 KiB before it is sealed, and 48 bytes more then"
TEXTS = f"a text has at most {TEXT} characters, a traceparent 100, answer_key 16, and reply_key 32 bytes"
NOTES = "a note has at most 2,000 characters before it is sealed, and codes have 4 MiB"
REQUESTED = f"each text of a request has at most {TEXT} characters"
SHOWN = f"candidates have at most {CANDIDATES >> 10} KiB"

_CHECK_TEXTS = {"consultation": TEXT, "participant": TEXT, "question": TEXT, "source": TEXT, "priority": TEXT}
_REQUEST_TEXTS = (
    *("kind", "consultation", "participant", "question", "reason", "target", "note_key", "document", "by_whom"),
    "code_list",
)


def _too_long(size: str, length: str) -> dict[str, str]:
    """SQL that is true for what is too long, by what is said of it. `size` is SQL for the bytes of a value, and
    `length` for the characters of a text.
    """
    longest = {**_CHECK_TEXTS, "traceparent": 100, "answer_key": 16}
    texts = " OR ".join(f"{length.format(f'NEW.{name}')} > {most}" for name, most in longest.items())
    return {
        ANSWERS: f"{size.format('NEW.answer')} > {ANSWER}",
        TEXTS: f"{texts} OR {size.format('NEW.reply_key')} > 32",
    }


def _too_much(size: str, length: str) -> dict[str, str]:
    """The same of a request."""
    note = size.format("NEW.note")
    return {
        NOTES: f"{note} > CASE NEW.kind WHEN 'codes' THEN {CODES} ELSE {NOTE} END",
        REQUESTED: " OR ".join(f"{length.format(f'NEW.{name}')} > {TEXT}" for name in _REQUEST_TEXTS),
    }


# -- PostgreSQL

OPEN = f"""
CREATE FUNCTION jurat_require_open(confirmed jurat_checks) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  asked record;
  before record;
  stood record;
  more int;
  revoked boolean;
  until timestamptz;
  allowed int;
  standing uuid;
  place text := format('%s/%s', left(confirmed.consultation, 80), left(confirmed.question, 80));
BEGIN
  SELECT q.rounds, q.valid_s, coalesce(q.renew_s, 0) AS renew_s, q.config_version INTO asked FROM jurat_questions q
  WHERE q.consultation = confirmed.consultation AND q.question = confirmed.question;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT max(e.round) AS round,
         (array_agg(e.id ORDER BY e.round DESC))[1] AS id,
         (array_agg(e.state ORDER BY e.round DESC))[1] AS state,
         (array_agg(e.state ORDER BY e.round DESC)
            FILTER (WHERE (e.round > e.last_accepted) IS NOT FALSE))[1] AS state_since,
         max(e.decided_at) FILTER (WHERE e.accepted) AS accepted_at,
         count(*) FILTER (
           WHERE (e.round > e.last_accepted) IS NOT FALSE
             AND (e.state = 'settled' AND e.outcome = 'undetermined' AND e.{FREE}) IS NOT TRUE) AS spent
  INTO before
  FROM (SELECT h.*, max(h.round) FILTER (WHERE h.accepted) OVER () AS last_accepted
        FROM (SELECT c.id, c.round, c.state, v.outcome, v.reason, v.decided_at, v.outcome = 'accepted' AS accepted
              FROM jurat_checks c
              LEFT JOIN LATERAL (SELECT w.outcome, w.reason, w.decided_at FROM jurat_verdicts w
                                 WHERE w.check_id = c.id ORDER BY w.revision DESC LIMIT 1) v ON true
              WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
                AND c.question = confirmed.question AND c.id <> confirmed.id) h) e;
  SELECT count(*) FILTER (WHERE s.kind = 'reopen' AND s.question = confirmed.question
                            AND (s.applied_at >= before.accepted_at) IS NOT FALSE),
         coalesce((array_agg(s.kind ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC)
                   FILTER (WHERE s.kind <> 'reopen'))[1] = 'revoke', false)
  INTO more, revoked
  FROM jurat_requests s
  WHERE s.consultation = confirmed.consultation AND s.participant = confirmed.participant
    AND s.kind IN ('reopen', 'revoke', 'restore') AND s.applied_at IS NOT NULL AND s.refused IS NULL;
  IF revoked THEN
    RAISE EXCEPTION USING ERRCODE = 'JU006',
      MESSAGE = format('jurat: this participant''s access to "%s" was revoked', left(confirmed.consultation, 80)),
      HINT = 'No answer is taken until it is restored; show them whom to ask: contact in jurat_questions.';
  END IF;
  until := before.accepted_at + make_interval(secs => asked.valid_s);
  allowed := more + CASE
    WHEN before.accepted_at IS NULL OR until <= statement_timestamp() THEN asked.rounds
    WHEN until - make_interval(secs => asked.renew_s) <= statement_timestamp() THEN asked.rounds
    ELSE 0
  END;
  IF before.id IS NOT NULL AND (
    before.spent >= allowed OR before.state_since <> 'settled'
    OR (before.state <> 'settled' AND before.accepted_at IS NOT NULL AND (until > statement_timestamp()) IS NOT FALSE)
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'JU003',
      MESSAGE = format('jurat: an answer to %s is confirmed already (check %s) and cannot be changed', place,
                       before.id),
      DETAIL = before.id::text,
      HINT = 'Show its result instead: jurat_results has it by check_id, and DETAIL is the id.';
  END IF;
  -- The row is asked only where nothing has made it older than the answer: neither time nor a changed configuration.
  -- With a plan of this moment: one of a time when the table was empty would read all of it, by another index.
  IF EXISTS (SELECT FROM jurat_checks c
             WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
               AND c.state NOT IN ('pending', 'leased')) THEN
    EXECUTE 'SELECT a.ended -> $3 AS ended, a.questions FROM jurat_access a
             WHERE a.consultation = $1 AND a.participant = $2 AND a.config_version >= $4
               AND (a.changes_at IS NULL OR a.changes_at > statement_timestamp())'
    INTO stood USING confirmed.consultation, confirmed.participant, confirmed.question, asked.config_version;
    IF stood.ended IS NOT NULL AND NOT EXISTS (
      SELECT FROM jsonb_array_elements_text(stood.ended) AS b (name)
      WHERE stood.questions ->> b.name IS DISTINCT FROM 'accepted'
    ) THEN
      SELECT c.id INTO standing
      FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id
        AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
      WHERE c.consultation = confirmed.consultation AND c.participant = confirmed.participant
        AND stood.ended ? c.question AND v.outcome = 'accepted'
      ORDER BY v.decided_at DESC, c.id DESC LIMIT 1;
      IF FOUND THEN
        standing := coalesce(before.id, standing);
        RAISE EXCEPTION USING ERRCODE = 'JU003',
          MESSAGE = format('jurat: %s takes no more answers: another was accepted in its place (check %s)', place,
                           standing),
          DETAIL = standing::text,
          HINT = 'Show what stands instead: jurat_access has it, and jurat_results the check in DETAIL.';
      END IF;
    END IF;
  END IF;
  IF confirmed.round <> coalesce(before.round, 0) + 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005',
      MESSAGE = format('jurat: round must be %s here, one more than the last', coalesce(before.round, 0) + 1),
      HINT = 'Mend the call; nothing was confirmed.';
  END IF;
END $$
"""

# As in 0014, but that it looks first. Who asks for nothing and answers for the first time is not looked at further.
SHOW = """
CREATE OR REPLACE FUNCTION jurat_show_submitted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF lower(left(NEW.participant, 7)) = 'erased-' THEN
    RAISE EXCEPTION 'jurat: participant must not begin with erased-, as the word for who was erased does'
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

# A function that is replaced loses what was set on it. Temporary tables, which anybody may make, come last.
PINNED = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION jurat_show_submitted SECURITY DEFINER SET search_path = %I, pg_temp',
                 current_schema());
END $$
"""


def _sized(name: str, event: str, wrong: str, said: str) -> tuple[str, str]:
    """A trigger on PostgreSQL that refuses what is `wrong`."""
    table = f"jurat_{name.split('_')[1]}"
    refused = f"EXECUTE FUNCTION jurat_refuse_change('{said}', 'JU005')"
    made = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({wrong}) {refused}"
    return made, f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


CANDIDATES_SIZED = "jurat_checks_candidates_sized"


def _postgresql() -> list[str]:
    size = "octet_length({})"
    made = [
        OPEN,
        SHOW,
        PINNED,
        *_sized(CANDIDATES_SIZED, "UPDATE OF candidates", f"octet_length(NEW.candidates) > {CANDIDATES}", SHOWN),
        "REVOKE ALL ON FUNCTION jurat_require_open FROM PUBLIC",
    ]
    for table, wrong in (("checks", _too_long(size, "length({})")), ("requests", _too_much(size, "length({})"))):
        for number, (said, too_much) in enumerate(wrong.items(), 1):
            made += _sized(f"jurat_{table}_sized_{number}", "INSERT", too_much, said)
    return made


# -- SQLite

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"

# Its own `length` ends at a NUL. A character has four bytes at the most.
LENGTH = "max(length({0}), length(CAST({0} AS BLOB)) / 4)"


def _later(time: str, seconds: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f', {time}, ({seconds}) || ' seconds')"


SAME = """(SELECT 1 FROM jurat_checks c WHERE c.id = NEW.id OR (c.consultation = NEW.consultation
       AND c.participant = NEW.participant AND c.question = NEW.question AND c.round = NEW.round))"""

ABOUT = "'reopen', 'revoke', 'restore'"

THEIRS = "{0}.consultation = NEW.consultation AND {0}.participant = NEW.participant"

LATEST = "v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)"

# What `before` is on PostgreSQL, in one row. Of a round that comes after the accepted one, `since` is true.
BEFORE = f"""
    SELECT max(e.round) AS round, max(CASE WHEN e.place = 1 THEN e.state END) AS state,
      max(CASE WHEN e.place = 1 AND e.since THEN e.state END) AS state_since,
      max(CASE WHEN e.accepted THEN e.decided_at END) AS accepted_at,
      count(CASE WHEN e.since AND NOT coalesce(e.state = 'settled' AND e.outcome = 'undetermined' AND e.{FREE}, 0)
            THEN 1 END) AS spent
    FROM (
      SELECT h.*, row_number() OVER (ORDER BY h.round DESC) AS place,
        coalesce(h.round > max(CASE WHEN h.accepted THEN h.round END) OVER (), 1) AS since
      FROM (
        SELECT c.round, c.state, v.outcome, v.reason, v.decided_at, coalesce(v.outcome = 'accepted', 0) AS accepted
        FROM jurat_checks c LEFT JOIN jurat_verdicts v ON v.check_id = c.id AND {LATEST}
        WHERE {THEIRS.format("c")} AND c.question = NEW.question) h) e"""

STANDING = f"""SELECT {{}} FROM jurat_requests s WHERE {THEIRS.format("s")} AND s.applied_at IS NOT NULL
      AND s.refused IS NULL AND s.kind"""

REVOKED = f"""({STANDING.format("s.kind")} IN ('revoke', 'restore')
      ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC LIMIT 1) = 'revoke'"""

MORE = f"""({STANDING.format("count(*)")} = 'reopen' AND s.question = NEW.question
      AND coalesce(s.applied_at >= b.accepted_at, 1))"""

UNTIL = _later("b.accepted_at", "q.valid_s")

ALLOWED = f"""{MORE} + CASE
      WHEN b.accepted_at IS NULL OR {UNTIL} <= {NOW} THEN q.rounds
      WHEN {_later("b.accepted_at", "q.valid_s - coalesce(q.renew_s, 0)")} <= {NOW} THEN q.rounds
      ELSE 0 END"""

ENDED = f"""EXISTS (
      SELECT 1 FROM jurat_access a, json_each(a.ended) e
      WHERE {THEIRS.format("a")} AND e.key = NEW.question AND a.config_version >= q.config_version
        AND (a.changes_at IS NULL OR a.changes_at > {NOW})
        AND NOT EXISTS (
          SELECT 1 FROM json_each(e.value) n
          WHERE coalesce((SELECT s.value FROM json_each(a.questions) s WHERE s.key = n.value), '') <> 'accepted')
        AND EXISTS (
          SELECT 1 FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id AND {LATEST}
          WHERE {THEIRS.format("c")} AND v.outcome = 'accepted'
            AND c.question IN (SELECT n.value FROM json_each(e.value) n)))"""

TAKEN = "JU003: an answer is confirmed already, and cannot be changed; show its result instead"
ENDED_BY = "JU003: another answer was accepted in its place, and this question takes no more; show what stands"
GONE = "JU006: this participant''s access was revoked; no answer is taken until it is restored"
WRONG_ROUND = "JU005: round is 1 for the first answer, and then one more than the last"

TAKE_ON_SQLITE = f"""
CREATE TRIGGER jurat_checks_taken BEFORE INSERT ON jurat_checks
WHEN (NEW.round IS NOT 1 OR EXISTS (SELECT 1 FROM jurat_access a WHERE {THEIRS.format("a")})
      OR EXISTS (SELECT 1 FROM jurat_requests s WHERE {THEIRS.format("s")} AND s.kind IN ({ABOUT})))
  AND NOT EXISTS {SAME}
BEGIN
  SELECT CASE
    WHEN {REVOKED} THEN RAISE(ABORT, 'jurat: {GONE}')
    WHEN b.round IS NOT NULL AND (b.spent >= {ALLOWED} OR coalesce(b.state_since <> 'settled', 0)
      OR (b.state <> 'settled' AND b.accepted_at IS NOT NULL AND coalesce({UNTIL} > {NOW}, 1)))
      THEN RAISE(ABORT, 'jurat: {TAKEN}')
    WHEN {ENDED} THEN RAISE(ABORT, 'jurat: {ENDED_BY}')
    WHEN NEW.round IS NOT coalesce(b.round, 0) + 1 THEN RAISE(ABORT, 'jurat: {WRONG_ROUND}')
  END
  FROM jurat_questions q, ({BEFORE}) b
  WHERE q.consultation = NEW.consultation AND q.question = NEW.question;
END
"""


def _sqlite() -> list[str]:
    size = "length(CAST({} AS BLOB))"
    made = [
        TAKE_ON_SQLITE,
        f"""
CREATE TRIGGER {CANDIDATES_SIZED} BEFORE UPDATE OF candidates ON jurat_checks
WHEN {size.format("NEW.candidates")} > {CANDIDATES} BEGIN
  SELECT RAISE(ABORT, 'jurat: JU005: {SHOWN}');
END
""",
    ]
    for table, wrong in (("checks", _too_long(size, LENGTH)), ("requests", _too_much(size, LENGTH))):
        refusals = "\n".join(
            f"  SELECT RAISE(ABORT, 'jurat: JU005: {said}') WHERE {too_much};" for said, too_much in wrong.items()
        )
        together = " OR ".join(wrong.values())
        made.append(
            f"CREATE TRIGGER jurat_{table}_sized BEFORE INSERT ON jurat_{table} WHEN {together} BEGIN\n{refusals}\nEND"
        )
    return made


def _released(file: str, name: str) -> Any:
    """What a released migration has under a name."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def upgrade() -> None:
    for statement in _postgresql() if op.get_context().dialect.name == "postgresql" else _sqlite():
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        for name in ("jurat_requests_sized", "jurat_checks_sized", CANDIDATES_SIZED, "jurat_checks_taken"):
            op.execute(f"DROP TRIGGER {name}")
        return
    for table, count in (("requests", 2), ("checks", 2)):
        for number in range(count, 0, -1):
            op.execute(f"DROP TRIGGER jurat_{table}_sized_{number} ON jurat_{table}")
    op.execute(f"DROP TRIGGER {CANDIDATES_SIZED} ON jurat_checks")
    for statement in (_released("0014_life.py", "SHOW_POSTGRESQL"), PINNED, "DROP FUNCTION jurat_require_open"):
        op.execute(statement)
