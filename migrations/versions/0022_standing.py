"""Verdicts that stand while a person looks at them again, for `jurat_submit` as for the Python client.

An accepted answer counts also while it is in review. Once it has ended, it keeps nobody from answering anew.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LAST = "         (array_agg(e.state ORDER BY e.round DESC))[1] AS state,\n"
SINCE = """\
         (array_agg(e.state ORDER BY e.round DESC)
            FILTER (WHERE (e.round > e.last_accepted) IS NOT FALSE))[1] AS state_since,
"""

TAKEN = "(before.spent >= allowed OR before.state <> 'settled')"
TAKEN_OR_UNDER_WAY = """(
    before.spent >= allowed OR before.state_since <> 'settled'
    OR (before.state <> 'settled' AND before.accepted_at IS NOT NULL AND (until > statement_timestamp()) IS NOT FALSE)
  )"""

CHANGES = (
    ("c.state = 'settled' AND v.outcome = 'accepted' AS accepted", "v.outcome = 'accepted' AS accepted"),
    ("AND c.question = ANY (accepted) AND c.state = 'settled' AND", "AND c.question = ANY (accepted) AND"),
    (LAST, f"{LAST}{SINCE}"),
    (TAKEN, TAKEN_OR_UNDER_WAY),
)


def _former(file: str, name: str) -> Any:
    """What an earlier migration made, as it stands there."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    text = _former("0018_ended.py", "_submit")()
    for before, after in CHANGES:
        head, rest = text.split(before)
        text = head + after + rest
    op.execute(text)
    op.execute(_former("0018_ended.py", "PINNED"))


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(_former("0018_ended.py", "_submit")())
        op.execute(_former("0018_ended.py", "PINNED"))
