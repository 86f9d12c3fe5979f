"""Address bases: their versions, and the streets, houses and words of each.

A version is a number in every row and no table of its own: so one migration makes the tables, an import needs no right
to make others, and one row says which version counts. Rows of a version are only added and, once nobody reads it any
more, deleted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Compared byte by byte: only looked for, never sorted for people.
bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "jurat_registers",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'staged'"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("data_date", sa.Text(), nullable=False),
        sa.Column("addresses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("houses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("streets", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "version", name="jurat_registers_versions"),
    )
    op.create_index(
        "jurat_registers_active",
        "jurat_registers",
        ["name"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "jurat_register_streets",
        sa.Column("register", sa.Integer(), nullable=False),
        sa.Column("street", sa.BigInteger(), nullable=False),
        sa.Column("postcode", bytewise, nullable=False),
        sa.Column("canonical", bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("city_code", bytewise, nullable=True),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("west", sa.Float(), nullable=False),
        sa.Column("south", sa.Float(), nullable=False),
        sa.Column("east", sa.Float(), nullable=False),
        sa.Column("north", sa.Float(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("register", "street"),
        sqlite_with_rowid=False,
    )
    for what, columns in (("city", ["city_code", "canonical"]), ("name", ["canonical"])):
        op.create_index(f"jurat_register_streets_{what}", "jurat_register_streets", ["register", *columns])
    op.create_index("jurat_register_streets_postcode", "jurat_register_streets", ["register", "postcode", "canonical"])
    op.create_table(
        "jurat_register_houses",
        sa.Column("register", sa.Integer(), nullable=False),
        sa.Column("street", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("repetition", bytewise, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("register", "street", "number", "repetition", "line"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_register_words",
        sa.Column("register", sa.Integer(), nullable=False),
        sa.Column("word", bytewise, nullable=False),
        sa.PrimaryKeyConstraint("register", "word"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("words", "houses", "streets"):
        op.drop_table(f"jurat_register_{table}")
    op.drop_table("jurat_registers")
