"""Who may ask for what: a request is stored only for who may call the function that asks for its kind.

PostgreSQL alone, for SQLite knows no users. The trigger of before looked at transfers, erasures and codes alone: an
administrator stored decisions, in names that they made up. Nor may anybody say of a request that is not theirs to ask
for that it is done or refused, or take it away from its participant; workers may, and who erases that participant.

The functions run with the owner's rights, and grants say who may call each of them, so a caller was checked before.
`jurat_refuse_change` raises another SQLSTATE where it is told one.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# `store.schema.grants.ASKS` then, with what each function takes.
ASKS = {
    "contest": "jurat_contest(uuid, bytea, text, text, uuid)",
    "decide": "jurat_decide(uuid, text, text, uuid)",
    "open": "jurat_open_review(uuid, text, uuid)",
    "reopen": "jurat_reopen(text, text, text, text, uuid)",
    "revoke": "jurat_revoke(text, text, text, uuid)",
    "restore": "jurat_restore(text, text, text, uuid)",
    "transfer": "jurat_transfer(text, text, text, text, uuid)",
    "erase": "jurat_erase(text, text, uuid)",
    "codes": "jurat_add_codes(text, bytea, text, text, timestamptz, uuid)",
}

REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION jurat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = coalesce(TG_ARGV[1], 'integrity_constraint_violation');
END $$
"""

NOT_TO_ASK = "this user may not ask for this kind of request; grant the user a role that may"
NOT_TO_SAY = "only a worker, and who may ask for this kind of request, may say that it is done"


def _may_ask(kind: str) -> str:
    """SQL for whether the current user may ask for that kind. An unknown kind is the owner's alone."""
    each = " ".join(
        f"WHEN '{name}' THEN has_function_privilege('{function}'::regprocedure, 'EXECUTE')"
        for name, function in ASKS.items()
    )
    owns = "has_table_privilege('jurat_requests'::regclass, 'TRUNCATE')"
    return f"CASE {kind} {each} ELSE {owns} END"


ALLOWED = f"""
CREATE TRIGGER jurat_requests_allowed BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (({_may_ask("NEW.kind")}) IS NOT TRUE)
EXECUTE FUNCTION jurat_refuse_change('{NOT_TO_ASK}', 'insufficient_privilege')
"""

NOT_TO_REFUSE = "it is refused by a worker, by who may ask for this kind of request, or where its participant is erased"
NOT_TO_RENAME = "the participant's id changes where all that they have is erased or transferred"

# An erasure refuses what waits about that participant, and renames everything: what they have first, then this.
KEEP_ASKED = f"""
CREATE FUNCTION jurat_keep_asked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  said text := CASE WHEN OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL THEN
    CASE WHEN NEW.refused IS NULL THEN '{NOT_TO_SAY}' ELSE '{NOT_TO_REFUSE}' END END;
BEGIN
  IF said IS NOT NULL AND NOT (NEW.refused IS NOT NULL AND ((NEW.participant LIKE 'erased-%') IS TRUE OR EXISTS (
    SELECT FROM jurat_checks c WHERE c.id = NEW.check_id AND c.participant LIKE 'erased-%'))) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, said USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NEW.participant IS DISTINCT FROM OLD.participant AND EXISTS (
    SELECT FROM jurat_access a WHERE a.consultation = OLD.consultation AND a.participant = OLD.participant) THEN
    RAISE EXCEPTION 'jurat: % on % is refused: {NOT_TO_RENAME.replace("'", "''")}', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$
"""

# Workers alone delete requests.
DONE = f"""
CREATE TRIGGER jurat_requests_done BEFORE UPDATE ON jurat_requests FOR EACH ROW
WHEN (NOT has_table_privilege('jurat_requests'::regclass, 'DELETE') AND ({_may_ask("OLD.kind")}) IS NOT TRUE)
EXECUTE FUNCTION jurat_keep_asked()
"""

PINNED = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION jurat_keep_asked SET search_path = %I, pg_temp', current_schema());
END $$
"""

GUARDS, PERSONS, OUTLINES = "0002_guards.py", "0016_persons.py", "0019_codes_and_outlines.py"


def _released(file: str, name: str) -> Any:
    """What a released migration has under a name."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def _always(name: str) -> str:
    return f"ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER {name}"


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for statement in (
        REFUSE_CHANGE,
        "DROP TRIGGER jurat_requests_codes ON jurat_requests",
        "DROP TRIGGER jurat_requests_allowed ON jurat_requests",
        ALLOWED,
        _always("jurat_requests_allowed"),
        KEEP_ASKED,
        PINNED,
        "REVOKE ALL ON FUNCTION jurat_keep_asked FROM PUBLIC",
        DONE,
        _always("jurat_requests_done"),
    ):
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    allowed = next(each for each in _released(PERSONS, "POSTGRESQL") if "jurat_requests_allowed" in each)
    codes = next(each for each in _released(OUTLINES, "POSTGRESQL") if "jurat_requests_codes" in each)
    refuse = next(each for each in _released(GUARDS, "POSTGRESQL") if "FUNCTION jurat_refuse_change()" in each)
    for statement in (
        "DROP TRIGGER jurat_requests_done ON jurat_requests",
        "DROP FUNCTION jurat_keep_asked",
        "DROP TRIGGER jurat_requests_allowed ON jurat_requests",
        allowed,
        _always("jurat_requests_allowed"),
        codes,
        _always("jurat_requests_codes"),
        refuse.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1),
    ):
        op.execute(statement)
