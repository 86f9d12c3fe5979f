"""Contesting and reviewing by SQL: functions that ask, and the queue as a back office lists it.

The functions are there on PostgreSQL alone, the view on both engines. A function runs with the owner's rights, looks
whether what is asked for can be done, and stores the request; a worker does it within a second. Each has its own search
path, with temporary tables last. `jurat_try_contest` never fails, so that the Python client leaves no transaction
aborted; `jurat_contest` says the same as an error.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What a person may say: `store.requests.decisions.DECIDING` then.
DECIDING = (
    *("person_accepted", "activity_not_eligible", "area_not_eligible", "birth_date_differs", "code_expired"),
    *("code_revoked", "code_unknown", "code_used", "not_a_person", "not_valid_at_date", "outside_zone"),
    *("person_refused", "profession_not_eligible", "status_inactive", "too_young"),
)

# A UUIDv7: the milliseconds of the clock, then chance.
NEW_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000::numeric)::bigint) FROM 3) FROM 1 FOR 6),
    52::bigint, 1), 53::bigint, 1), 'hex')::uuid"""

# Control, format and private-use characters and every blank but the common one, as Python's str.isprintable has them.
UNPRINTABLE = (
    r"[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]"
)

OF_OTHER = "'the id ' || this_id::text || ' belongs to another request'"

TRY_CONTEST = f"""
CREATE FUNCTION jurat_try_contest(check_id uuid, note bytea, note_key text, document text, id uuid)
RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce(jurat_try_contest.id, {NEW_ID});
  asked record;
  stands record;
BEGIN
  problem := CASE
    WHEN jurat_try_contest.check_id IS NULL THEN 'check_id must be the id of a check'
    WHEN octet_length(jurat_try_contest.note) BETWEEN 49 AND 8048 IS NOT TRUE
      OR jurat_try_contest.note_key ~ '^[0-9a-f]{{16}}$' IS NOT TRUE
      THEN 'note must be sealed, of at most 2,000 characters, and note_key the 16 hexadecimal digits of its key'
    WHEN length(jurat_try_contest.document) NOT BETWEEN 1 AND 200 OR jurat_try_contest.document ~ '[[:cntrl:]]'
      THEN 'document must be 1 to 200 printable characters'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  SELECT q.kind, q.check_id INTO asked FROM jurat_requests q WHERE q.id = this_id;
  IF FOUND THEN
    IF asked.kind = 'contest' AND asked.check_id = jurat_try_contest.check_id THEN
      RETURN QUERY SELECT this_id, NULL, NULL;
    ELSE
      RETURN QUERY SELECT NULL::uuid, 'JU004', {OF_OTHER};
    END IF;
    RETURN;
  END IF;
  SELECT c.state, c.participant LIKE 'erased-%' AS erased, v.outcome, v.decided_by,
         EXISTS (SELECT FROM jurat_requests q WHERE q.check_id = c.id AND q.kind = 'contest' AND q.refused IS NULL)
           AS contested
  INTO stands
  FROM jurat_checks c LEFT JOIN LATERAL (
    SELECT w.outcome, w.decided_by FROM jurat_verdicts w WHERE w.check_id = c.id ORDER BY w.revision DESC LIMIT 1
  ) v ON true WHERE c.id = jurat_try_contest.check_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT NULL::uuid, 'JU007', 'there is no check ' || jurat_try_contest.check_id::text;
    RETURN;
  END IF;
  problem := CASE
    WHEN stands.contested THEN 'its verdict was contested before; a verdict is contested once'
    WHEN stands.state <> 'settled' THEN format('it has no verdict to contest now: it is %s', stands.state)
    WHEN stands.outcome = 'accepted' THEN 'it was accepted; there is nothing to contest'
    WHEN stands.decided_by = 'reviewer' THEN 'it was decided by a person, and that is the last word'
    WHEN stands.erased THEN 'its participant was erased'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU008', problem;
    RETURN;
  END IF;
  INSERT INTO jurat_requests (id, kind, check_id, note, note_key, document, by_whom, asked_at)
  VALUES (this_id, 'contest', jurat_try_contest.check_id, jurat_try_contest.note, jurat_try_contest.note_key,
          jurat_try_contest.document, 'participant', statement_timestamp())
  ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = 'contest'
                                 AND q.check_id = jurat_try_contest.check_id) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', {OF_OTHER};
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$
"""

CONTEST = """
CREATE FUNCTION jurat_contest(
  check_id uuid, note bytea, note_key text, document text DEFAULT NULL, id uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  told record;
BEGIN
  SELECT * INTO told FROM jurat_try_contest(check_id, note, note_key, document, id);
  IF told.code IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = told.code,
      MESSAGE = 'jurat: ' || CASE told.code WHEN 'JU008' THEN format('check %s: ', check_id) ELSE '' END
                || told.problem,
      HINT = CASE told.code
        WHEN 'JU004' THEN 'Make a new id for each contest, or leave it out.'
        WHEN 'JU005' THEN 'Mend the call; nothing was contested.'
        WHEN 'JU007' THEN 'Was the transaction that submitted it committed?'
        ELSE 'Show the participant its result, and whom to ask.' END;
  END IF;
  RETURN told.request_id;
END $$
"""


def _asking(name: str, given: str, kind: str, reason: str, wrong: str, state: str, problem: str) -> str:
    """A function of a reviewer: it refuses where the check is not in `state`."""
    return f"""
CREATE FUNCTION {name}({given}, by_whom text, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  this_id uuid := coalesce({name}.id, {NEW_ID});
  wrong text;
  asked record;
  stands text;
BEGIN
  wrong := CASE
    WHEN {name}.check_id IS NULL THEN 'check_id must be the id of a check'
    WHEN length(btrim({name}.by_whom)) BETWEEN 1 AND 200 IS NOT TRUE OR {name}.by_whom ~ '{UNPRINTABLE}'
      THEN 'by_whom must be 1 to 200 printable characters: who says so'
    {wrong}
  END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'JU005', MESSAGE = 'jurat: ' || wrong, HINT = 'Mend the call; nothing was asked.';
  END IF;
  SELECT q.kind, q.check_id, q.reason, q.by_whom INTO asked FROM jurat_requests q WHERE q.id = this_id;
  IF NOT FOUND THEN
    SELECT c.state INTO stands FROM jurat_checks c WHERE c.id = {name}.check_id;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'JU007', MESSAGE = 'jurat: there is no check ' || {name}.check_id::text,
        HINT = 'jurat_review_queue has those that wait for a person.';
    END IF;
    IF stands <> '{state}' THEN
      RAISE EXCEPTION USING ERRCODE = 'JU009',
        MESSAGE = format('jurat: check %s {problem}: it is %s', {name}.check_id, stands),
        HINT = 'jurat_review_queue has those that wait for a person.';
    END IF;
    INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at)
    VALUES (this_id, '{kind}', {name}.check_id, {reason}, {name}.by_whom, statement_timestamp())
    ON CONFLICT DO NOTHING;
    SELECT q.kind, q.check_id, q.reason, q.by_whom INTO asked FROM jurat_requests q WHERE q.id = this_id;
  END IF;
  IF (asked.kind, asked.check_id, asked.reason, asked.by_whom)
     IS DISTINCT FROM ('{kind}', {name}.check_id, {reason}, {name}.by_whom) THEN
    RAISE EXCEPTION USING ERRCODE = 'JU004', MESSAGE = 'jurat: ' || {OF_OTHER},
      HINT = 'Make a new id for each request, or leave it out.';
  END IF;
  RETURN this_id;
END $$
"""


DECIDE = _asking(
    "jurat_decide",
    "check_id uuid, reason text",
    "decide",
    "jurat_decide.reason",
    f"""WHEN jurat_decide.reason IN ('{"', '".join(DECIDING)}') IS NOT TRUE
      THEN 'reason is not for a person to say; expected one of {", ".join(DECIDING)}'""",
    "review",
    "is not in review",
)

OPEN = _asking(
    "jurat_open_review", "check_id uuid", "open", "NULL::text", "", "settled", "has no verdict to look at again"
)

# Of each person the last word since the review was opened.
WORD = """
  FROM jurat_requests q WHERE q.check_id = v.check_id AND q.kind = 'decide' AND q.refused IS NULL
    AND q.applied_at >= v.opened_at
    AND NOT EXISTS (SELECT 1 FROM jurat_requests l WHERE l.check_id = q.check_id AND l.kind = 'decide'
                    AND l.refused IS NULL AND l.applied_at > q.applied_at
                    AND {one} = {other})"""


def _word(name: str) -> str:
    """`WORD`, where `name` compares persons: as `store.requests.decisions` does, as far as the locale of the
    database knows letters; SQLite knows those of ASCII alone. What counts is said there.
    """
    return WORD.format(one=name.format("l.by_whom"), other=name.format("q.by_whom"))


WORDS = {
    "postgresql": f"""coalesce((SELECT jsonb_agg(jsonb_build_object(
    'by_whom', q.by_whom, 'reason', q.reason, 'at', q.applied_at) ORDER BY q.applied_at)
  {_word("lower(normalize(regexp_replace(trim({}), '[[:space:]]+', ' ', 'g'), NFKC))")}), '[]')""",
    "sqlite": f"""(SELECT json_group_array(json_object(
    'by_whom', q.by_whom, 'reason', q.reason, 'at', q.applied_at))
  {_word("lower(trim({}))")})""",
}

CONTESTED = "q.check_id = v.check_id AND q.kind = 'contest' AND q.applied_at IS NOT NULL AND q.refused IS NULL"


def _queue(dialect: str) -> str:
    return f"""
CREATE VIEW jurat_review_queue AS
SELECT v.check_id, c.consultation, c.question, v.reason, v.evidence, v.opened_at, v.due_at,
  EXISTS (SELECT 1 FROM jurat_requests q WHERE {CONTESTED}) AS contested,
  (SELECT q.document FROM jurat_requests q WHERE {CONTESTED} ORDER BY q.applied_at DESC LIMIT 1) AS document,
  {WORDS[dialect]} AS words
FROM jurat_reviews v JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
WHERE v.decided_at IS NULL
"""


OURS = ("jurat_contest", "jurat_try_contest", "jurat_decide", "jurat_open_review")

PINNED = f"""
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{"', '".join(OURS)}'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    op.execute(_queue(dialect))
    if dialect != "postgresql":
        return
    for statement in (TRY_CONTEST, CONTEST, DECIDE, OPEN, PINNED):
        op.execute(statement)
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP VIEW jurat_review_queue")
    if op.get_context().dialect.name != "postgresql":
        return
    for name in OURS:
        op.execute(f"DROP FUNCTION {name}")
