"""Questions that an accepted one has ended: which they are, for who reviews and for who submits.

`jurat_access.ended` has each with those in whose place it is not asked for any more. `jurat_review_queue` says of each
check whether it is still needed, and `jurat_submit` takes no answer that is not, as the Python client does.

A worker of before does not know the column and leaves it as it was. So it is believed only while all that it names is
accepted.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NEEDED = {
    "postgresql": """
  NOT coalesce((
    SELECT bool_and(coalesce(a.questions ->> b.name, '') = 'accepted')
    FROM jurat_access a CROSS JOIN LATERAL jsonb_array_elements_text(a.ended -> c.question) AS b (name)
    WHERE a.consultation = c.consultation AND a.participant = c.participant), false) AS needed""",
    "sqlite": """
  NOT coalesce((
    SELECT min(json_extract(a.questions, '$."' || b.value || '"') IS 'accepted')
    FROM jurat_access a, json_each(a.ended) e, json_each(e.value) b
    WHERE a.consultation = c.consultation AND a.participant = c.participant AND e.key = c.question), 0) AS needed""",
}

# The row is asked only where nothing has made it older than the answer: neither time nor a changed configuration.
ANSWER = "    IF octet_length(jurat_submit.answer)"
ENDED = """\
    SELECT ARRAY(SELECT jsonb_array_elements_text(a.ended -> jurat_submit.question)) INTO accepted
    FROM jurat_access a
    WHERE a.consultation = jurat_submit.consultation AND a.participant = jurat_submit.participant
      AND a.config_version >= asked.config_version
      AND (a.changes_at IS NULL OR a.changes_at > statement_timestamp())
      AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(a.ended -> jurat_submit.question) AS b (name)
                      WHERE a.questions ->> b.name IS DISTINCT FROM 'accepted');
    IF cardinality(accepted) > 0 THEN
      SELECT c.id INTO standing
      FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id
        AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
      WHERE c.consultation = jurat_submit.consultation AND c.participant = jurat_submit.participant
        AND c.question = ANY (accepted) AND c.state = 'settled' AND v.outcome = 'accepted'
      ORDER BY v.decided_at DESC, c.id DESC LIMIT 1;
      IF FOUND THEN
        standing := coalesce(before.id, standing);
        RAISE EXCEPTION USING ERRCODE = 'JU003',
          MESSAGE = format('jurat: %s/%s takes no more answers: %s was accepted in its place (check %s)',
                           left(jurat_submit.consultation, 80), left(jurat_submit.question, 80),
                           array_to_string(accepted, ', '), standing),
          DETAIL = standing::text,
          HINT = 'Show what stands instead: jurat_access has it, and jurat_results the check in DETAIL.';
      END IF;
    END IF;
"""

# A function that is replaced loses what was set on it.
PINNED = """
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION jurat_submit SET search_path = %I, pg_temp', current_schema());
END $$
"""

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _former(file: str, name: str) -> Any:
    """What an earlier migration made, as it stands there."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def _changed(text: str, *changes: tuple[str, str]) -> str:
    """`text` with each of `changes` at the one place where it belongs."""
    for before, after in changes:
        head, rest = text.split(before)
        text = head + after + rest
    return text


def _submit() -> str:
    return _changed(
        _former("0014_life.py", "SUBMIT"),
        ("  allowed int;\n", "  allowed int;\n  accepted text[];\n"),
        (" AS renew_s INTO asked", " AS renew_s, q.config_version INTO asked"),
        (ANSWER, f"{ENDED}{ANSWER}"),
    )


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    op.add_column("jurat_access", sa.Column("ended", document, server_default=sa.text("'{}'"), nullable=False))
    former = _former("0015_reviews.py", "_queue")(dialect)
    queue = _changed(former, (" AS words\n", f" AS words,{NEEDED[dialect]}\n"))
    if dialect == "postgresql":  # who may read it may go on to
        op.execute(_changed(queue, ("CREATE VIEW", "CREATE OR REPLACE VIEW")))
        op.execute(_submit())
        op.execute(PINNED)
    else:
        op.execute("DROP VIEW jurat_review_queue")
        op.execute(queue)


def downgrade() -> None:
    dialect = op.get_context().dialect.name
    op.execute("DROP VIEW jurat_review_queue")
    op.execute(_former("0015_reviews.py", "_queue")(dialect))
    op.drop_column("jurat_access", "ended")
    if dialect == "postgresql":
        op.execute(_former("0014_life.py", "SUBMIT"))
        op.execute(PINNED)
