"""What is asked about a participant, by SQL; and what may change in a request once it is stored.

The functions are there on PostgreSQL alone: each looks whether its arguments can be used and stores the request, with
the owner's rights; a worker does it within a second. `jurat_try_ask` never fails, so that the Python client leaves no
transaction aborted. The guards are there on both engines.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SQLITE_TIME = "____-__-__ __:__:__.___"

# Control, format and private-use characters and every blank but the common one, as Python's str.isprintable has them.
UNPRINTABLE = (
    r"[\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f\U000f0000-\U0010fffd]"
)

# A UUIDv7: the milliseconds of the clock, then chance.
NEW_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000::numeric)::bigint) FROM 3) FROM 1 FOR 6),
    52::bigint, 1), 53::bigint, 1), 'hex')::uuid"""


def _unusable(name: str) -> str:
    value = f"jurat_ask.{name}"
    return f"{value} IS NULL OR length({value}) NOT BETWEEN 1 AND 200 OR {value} ~ bad"


def _wrong(name: str) -> str:
    return f"WHEN {_unusable(name)} THEN '{name} must be 1 to 200 printable characters'"


# Whoever was erased meanwhile may have been the one that the same id was about.
ASK = f"""
CREATE FUNCTION jurat_ask(
  kind text, consultation text, participant text, question text, target text, by_whom text, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  bad constant text := '{UNPRINTABLE}';
  this_id uuid := coalesce(jurat_ask.id, {NEW_ID});
BEGIN
  problem := CASE
    {_wrong("participant")}
    WHEN (jurat_ask.kind <> 'erase' OR jurat_ask.consultation IS NOT NULL) AND ({_unusable("consultation")})
      THEN 'consultation must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'reopen' AND ({_unusable("question")})
      THEN 'question must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'transfer' AND ({_unusable("target")})
      THEN 'target must be 1 to 200 printable characters'
    WHEN jurat_ask.kind = 'transfer' AND jurat_ask.target = jurat_ask.participant
      THEN 'target must be another id than participant'
    {_wrong("by_whom")}
    -- Who erases is the user of the database, whom a participant may be called like.
    WHEN jurat_ask.by_whom IN (jurat_ask.participant, jurat_ask.target)
      AND (jurat_ask.kind <> 'erase' OR jurat_ask.by_whom <> session_user::text)
      THEN 'by_whom must name who asks, and not the participant by the id that may have to be erased'
  END;
  IF problem IS NOT NULL THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', problem;
    RETURN;
  END IF;
  IF jurat_ask.kind <> 'erase'
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU001', format('no consultation "%s" is configured',
                                                    left(jurat_ask.consultation, 80));
    RETURN;
  END IF;
  -- What an erasure is about may be configured no more. Of nothing at all it would say to the end that it was done.
  IF jurat_ask.kind = 'erase' AND jurat_ask.consultation IS NOT NULL
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation)
     AND NOT EXISTS (SELECT FROM jurat_checks c WHERE c.consultation = jurat_ask.consultation)
     AND NOT EXISTS (SELECT FROM jurat_access a WHERE a.consultation = jurat_ask.consultation) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU001', 'no consultation of that name is known';
    RETURN;
  END IF;
  IF jurat_ask.kind = 'reopen'
     AND NOT EXISTS (SELECT FROM jurat_questions q WHERE q.consultation = jurat_ask.consultation
                       AND q.question = jurat_ask.question) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU002', format('consultation "%s" has no question "%s"',
                                                    left(jurat_ask.consultation, 80), left(jurat_ask.question, 80));
    RETURN;
  END IF;
  INSERT INTO jurat_requests (id, kind, consultation, participant, question, target, by_whom, asked_at)
  VALUES (this_id, jurat_ask.kind, jurat_ask.consultation, jurat_ask.participant, jurat_ask.question,
          jurat_ask.target, jurat_ask.by_whom, statement_timestamp())
  ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM jurat_requests q WHERE q.id = this_id AND q.kind = jurat_ask.kind
      AND q.consultation IS NOT DISTINCT FROM jurat_ask.consultation
      AND q.question IS NOT DISTINCT FROM jurat_ask.question
      AND (q.participant = jurat_ask.participant OR q.participant LIKE 'erased-%')
      AND (q.target IS NOT DISTINCT FROM jurat_ask.target OR q.target LIKE 'erased-%')) THEN
    RETURN QUERY SELECT NULL::uuid, 'JU004', 'the id ' || this_id::text || ' belongs to another request';
    RETURN;
  END IF;
  RETURN QUERY SELECT this_id, NULL, NULL;
END $$
"""

TRY_ASK = """
CREATE FUNCTION jurat_try_ask(
  kind text, consultation text, participant text, target text, by_whom text, id uuid
) RETURNS TABLE (request_id uuid, code text, problem text) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF jurat_try_ask.kind IN ('transfer', 'erase') IS NOT TRUE THEN
    RETURN QUERY SELECT NULL::uuid, 'JU005', 'kind must be transfer or erase';
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM jurat_ask(
    jurat_try_ask.kind, jurat_try_ask.consultation, jurat_try_ask.participant, NULL, jurat_try_ask.target,
    coalesce(jurat_try_ask.by_whom, session_user::text), jurat_try_ask.id);
END $$
"""


def _asking(kind: str, given: str, question: str = "NULL", target: str = "NULL", by_whom: str = "by_whom") -> str:
    """A function that stores a request of a kind, or fails."""
    hint = (
        "The participant comes first: jurat_erase(participant => …, consultation => …)."
        if kind == "erase"
        else "`bin/jurat config show` lists what is configured."
    )
    return f"""
CREATE FUNCTION jurat_{kind}({given}, id uuid DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
  told record;
BEGIN
  SELECT * INTO told FROM jurat_ask('{kind}', consultation, participant, {question}, {target}, {by_whom}, id);
  IF told.code IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = told.code, MESSAGE = 'jurat: ' || told.problem,
      HINT = CASE told.code
        WHEN 'JU004' THEN 'Make a new id for each request, or leave it out.'
        WHEN 'JU005' THEN 'Mend the call; nothing was asked.'
        ELSE '{hint}' END;
  END IF;
  RETURN told.request_id;
END $$
"""


FUNCTIONS = (
    ASK,
    TRY_ASK,
    _asking("reopen", "consultation text, participant text, question text, by_whom text", question="question"),
    _asking("revoke", "consultation text, participant text, by_whom text"),
    _asking("restore", "consultation text, participant text, by_whom text"),
    _asking("transfer", "consultation text, participant text, target text, by_whom text", target="target"),
    _asking("erase", "participant text, consultation text DEFAULT NULL", by_whom="session_user::text"),
)

KEPT = "of a request that is stored only the participant's id and what came of it may change"
NAMED = "by_whom names who asks, and not the participant by the id that may have to be erased"
TIMES = "times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, and not still to come"
WAITS = "a request that waits can not be deleted"
NOT_TO_ASK = "who may store requests may not ask for this one"

# A reviewer stores requests as well; the column that only a transfer has is not theirs, and so is neither kind.
FOREIGN = """NEW.kind IN ('transfer', 'erase')
      AND NOT has_column_privilege('jurat_requests'::regclass, 'target', 'INSERT')"""


def _own_id(default: str) -> str:
    """SQL that is true where `by_whom` is the participant's id. Whom nobody chose to name is not refused: `default`."""
    return f"NEW.by_whom IN (NEW.participant, NEW.target) AND NEW.by_whom NOT IN ('participant', {default})"


OWN_CHECK = """NEW.by_whom <> 'participant'
      AND EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant = NEW.by_whom)"""

LEAST = "2000-01-01 00:00:00.000"


def _no_time(name: str) -> str:
    """SQL for SQLite that is true where a time can not be read, or is still to come."""
    written = f"strftime('%Y-%m-%d %H:%M:%f', NEW.{name}) IS NEW.{name} AND NEW.{name} LIKE '{SQLITE_TIME}'"
    past = f"NEW.{name} BETWEEN '{LEAST}' AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds')"
    return f"NOT coalesce({written} AND {past}, 0)"


def _changed(differs: str) -> str:
    """SQL that is true where an update changes what must stay: `differs` compares, and nulls too."""
    fixed = ("id", "kind", "consultation", "question", "check_id", "reason", "by_whom", "asked_at")
    erased = ("note", "note_key", "document")
    return " OR ".join(
        (
            *(f"NEW.{name} {differs} OLD.{name}" for name in fixed),
            *(f"(NEW.{name} IS NOT NULL AND NEW.{name} {differs} OLD.{name})" for name in erased),
            f"(OLD.applied_at IS NOT NULL AND NEW.applied_at {differs} OLD.applied_at)",
            f"(OLD.applied_at IS NOT NULL AND NEW.refused {differs} OLD.refused)",
            "(NEW.applied_at IS NULL AND NEW.refused IS NOT NULL)",
            *(_renamed(name, differs) for name in ("participant", "target")),
        )
    )


def _renamed(name: str, differs: str) -> str:
    """The same of an id: it may become the word for who was erased, and what a waiting transfer says."""
    return f"""(NEW.{name} {differs} OLD.{name}
      AND (OLD.{name} IS NULL OR NEW.{name} IS NULL OR NEW.{name} NOT LIKE 'erased-%')
      AND NOT EXISTS (SELECT 1 FROM jurat_requests t WHERE t.kind = 'transfer' AND t.applied_at IS NULL
        AND t.consultation = NEW.consultation AND t.participant = OLD.{name} AND t.target = NEW.{name}))"""


POSTGRESQL = (
    f"""
    CREATE FUNCTION jurat_keep_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        IF {OWN_CHECK} THEN
          RAISE EXCEPTION 'jurat: % on % is refused: {NAMED.replace("'", "''")}', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        -- A time that no worker can read, or that is still to come, would keep those of all others waiting.
        IF (NEW.asked_at BETWEEN '{LEAST}Z' AND clock_timestamp()) IS NOT TRUE THEN
          NEW.asked_at := statement_timestamp();
        END IF;
      ELSIF {_changed("IS DISTINCT FROM")} THEN
        RAISE EXCEPTION 'jurat: % on % is refused: {KEPT.replace("'", "''")}', TG_OP, TG_TABLE_NAME
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      IF NEW.applied_at NOT BETWEEN '{LEAST}Z' AND clock_timestamp() THEN
        NEW.applied_at := statement_timestamp();
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER jurat_requests_changed BEFORE INSERT OR UPDATE ON jurat_requests FOR EACH ROW
    EXECUTE FUNCTION jurat_keep_request()
    """,
    f"""
    CREATE TRIGGER jurat_requests_named BEFORE INSERT ON jurat_requests FOR EACH ROW
    WHEN ({_own_id("session_user::text")})
    EXECUTE FUNCTION jurat_refuse_change('{NAMED}')
    """,
    f"""
    CREATE TRIGGER jurat_requests_allowed BEFORE INSERT ON jurat_requests FOR EACH ROW WHEN ({FOREIGN})
    EXECUTE FUNCTION jurat_refuse_change('{NOT_TO_ASK}')
    """,
    f"""
    CREATE TRIGGER jurat_requests_kept BEFORE DELETE ON jurat_requests FOR EACH ROW WHEN (OLD.applied_at IS NULL)
    EXECUTE FUNCTION jurat_refuse_change('{WAITS}')
    """,
    f"""
    CREATE TRIGGER jurat_requests_not_emptied BEFORE TRUNCATE ON jurat_requests
    EXECUTE FUNCTION jurat_refuse_change('{WAITS}')
    """,
)

SQLITE = (
    f"""
    CREATE TRIGGER jurat_requests_added BEFORE INSERT ON jurat_requests BEGIN
      SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jurat_requests r WHERE r.id = NEW.id);
      SELECT RAISE(ABORT, 'jurat: {NAMED}') WHERE ({_own_id("'platform'")}) OR ({OWN_CHECK});
      SELECT RAISE(ABORT, 'jurat: {TIMES}')
        WHERE {_no_time("asked_at")} OR (NEW.applied_at IS NOT NULL AND {_no_time("applied_at")});
      SELECT RAISE(ABORT, 'jurat: the id of a request is a UUID in its usual 36 lower-case characters')
        WHERE NEW.id NOT GLOB '????????-????-????-????-????????????' OR NEW.id <> lower(NEW.id);
    END
    """,
    f"""
    CREATE TRIGGER jurat_requests_changed BEFORE UPDATE ON jurat_requests WHEN {_changed("IS NOT")} BEGIN
      SELECT RAISE(ABORT, 'jurat: {KEPT.replace("'", "''")}');
    END
    """,
    f"""
    CREATE TRIGGER jurat_requests_dealt_with BEFORE UPDATE ON jurat_requests
    WHEN NEW.applied_at IS NOT NULL AND {_no_time("applied_at")} BEGIN
      SELECT RAISE(ABORT, 'jurat: {TIMES}');
    END
    """,
    f"""
    CREATE TRIGGER jurat_requests_kept BEFORE DELETE ON jurat_requests WHEN OLD.applied_at IS NULL BEGIN
      SELECT RAISE(ABORT, 'jurat: {WAITS}');
    END
    """,
)

CALLED = ("jurat_try_ask", "jurat_reopen", "jurat_revoke", "jurat_restore", "jurat_transfer", "jurat_erase")
OURS = ("jurat_ask", *CALLED, "jurat_keep_request")
TRIGGERS = tuple(f"jurat_requests_{end}" for end in ("changed", "named", "allowed", "kept", "not_emptied"))

# Also of an older one, which looks for the transfer that stands: a temporary table is no proof.
PINNED = f"""
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{"', '".join((*OURS, "jurat_refuse_renaming"))}'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        for statement in SQLITE:
            op.execute(statement)
        return
    for statement in (*FUNCTIONS, *POSTGRESQL):
        op.execute(statement)
    for name in TRIGGERS:
        op.execute(f"ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER {name}")
    op.execute(PINNED)
    for name in OURS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        for name in ("added", "changed", "dealt_with", "kept"):
            op.execute(f"DROP TRIGGER jurat_requests_{name}")
        return
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON jurat_requests")
    op.execute("ALTER FUNCTION jurat_refuse_renaming RESET search_path")
    for name in OURS:
        op.execute(f"DROP FUNCTION {name}")
