"""Verdicts that stand while a person looks at them again, for `jurat_submit` as for the Python client.

An accepted answer counts also while it is in review. A question takes no further answer while any of those that count
is under way, not the last one alone: an earlier refusal may be looked at again.
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
UNDER_WAY = """\
         bool_or(e.state <> 'settled') AS under_way,
         bool_or(e.state <> 'settled') FILTER (WHERE (e.round > e.last_accepted) IS NOT FALSE) AS under_way_since,
"""

TAKEN = "(before.spent >= allowed OR before.state <> 'settled')"
TAKEN_OR_UNDER_WAY = """(
    before.spent >= allowed OR before.under_way_since
    OR (before.accepted_at IS NOT NULL AND (until > statement_timestamp()) IS NOT FALSE AND before.under_way))"""

CHANGES = (
    ("c.state = 'settled' AND v.outcome = 'accepted' AS accepted", "v.outcome = 'accepted' AS accepted"),
    ("AND c.question = ANY (accepted) AND c.state = 'settled' AND", "AND c.question = ANY (accepted) AND"),
    (LAST, UNDER_WAY),
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
