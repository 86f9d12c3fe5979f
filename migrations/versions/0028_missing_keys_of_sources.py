"""Keys are missing at a source: a worker that has the key and does not serve the source opens none of its answers.

What was written down before stays as one row for every source.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import Moment

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLE, BEFORE = "jurat_missing_keys", "jurat_missing_keys_before"
KEY = ("source", "answer_key", "since")


def upgrade() -> None:
    source = sa.Column("source", sa.Text(), nullable=False, server_default=sa.text("''"))
    if op.get_context().dialect.name == "postgresql":
        op.add_column(TABLE, source)
        op.drop_constraint(f"{TABLE}_pkey", TABLE, type_="primary")
        op.create_primary_key(f"{TABLE}_pkey", TABLE, KEY)
    else:
        _again(source, key=KEY, columns="answer_key, since, seen_at, ''")
    op.execute(
        f"INSERT INTO {TABLE} (source, answer_key, since, seen_at) "
        f"SELECT s.name, m.answer_key, m.since, m.seen_at FROM {TABLE} m CROSS JOIN jurat_sources s"
    )
    op.execute(f"DELETE FROM {TABLE} WHERE source = ''")


def downgrade() -> None:
    seen = f"SELECT answer_key, since, max(seen_at) AS seen_at FROM {TABLE} GROUP BY answer_key, since"
    op.execute(f"CREATE TEMPORARY TABLE jurat_kept_keys AS {seen}")
    op.execute(f"DELETE FROM {TABLE}")
    if op.get_context().dialect.name == "postgresql":
        op.drop_column(TABLE, "source")
        op.create_primary_key(f"{TABLE}_pkey", TABLE, KEY[1:])
    else:
        _again(key=KEY[1:], columns="answer_key, since, seen_at")
    op.execute(
        f"INSERT INTO {TABLE} (answer_key, since, seen_at) SELECT answer_key, since, seen_at FROM jurat_kept_keys"
    )
    op.execute("DROP TABLE jurat_kept_keys")


def _again(*more: sa.Column[str], key: tuple[str, ...], columns: str) -> None:
    """On SQLite a key is that of the table as a whole: make the table again, with what it holds."""
    op.rename_table(TABLE, BEFORE)
    op.create_table(
        TABLE,
        sa.Column("answer_key", sa.Text(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO {TABLE} SELECT {columns} FROM {BEFORE}")
    op.drop_table(BEFORE)
