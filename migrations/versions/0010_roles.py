"""Roles for a platform, workers, reviewers, administrators and readers, where the user may create roles.

A server's roles belong to all its databases: those that are there stay as they are. What each may do stands in
`store.schema.grants`; it is set at the end of every upgrade, so that it always fits the newest tables.
"""

from __future__ import annotations

from alembic import op

from store.schema.grants import creating, dropping

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(creating())


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(dropping())
