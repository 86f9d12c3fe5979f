"""The schema of the first release: where the numbered steps begin.

Nothing runs this step. `migrations/sql/` is the current schema: it makes a new database, which is marked with the
newest revision. Only databases of an earlier release run steps, beginning after their own.
"""

from __future__ import annotations

from typing import NoReturn

revision = "0001_baseline"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> NoReturn:
    """Raises RuntimeError: a database without tables is made by `store.schema.migrations.upgrade`."""
    raise RuntimeError("a new database is made by migrations/sql/, see store.schema.migrations.upgrade")
