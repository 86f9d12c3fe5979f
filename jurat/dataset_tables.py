"""The tables of what administrators import from files: address bases and rosters."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from jurat.columns import Bytewise, Document, Moment, metadata

datasets = Table(
    "jurat_datasets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'staged'")),
    Column("kind", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("data_date", Text, nullable=False),
    Column("addresses", BigInteger, nullable=False, server_default=text("0")),
    Column("houses", BigInteger, nullable=False, server_default=text("0")),
    Column("streets", Integer, nullable=False, server_default=text("0")),
    Column("imported_by", Text, nullable=False),
    Column("imported_at", Moment, nullable=False),
    Column("people", BigInteger, nullable=False, server_default=text("0")),
    Column("left_out", BigInteger, nullable=False, server_default=text("0")),
    Column("layout", Text),
    Column("key_id", Text),
    UniqueConstraint("name", "version", name="jurat_datasets_versions"),
    Index(
        "jurat_datasets_active",
        "name",
        unique=True,
        postgresql_where=text("state = 'active'"),
        sqlite_where=text("state = 'active'"),
    ),
)

dataset_streets = Table(
    "jurat_dataset_streets",
    metadata,
    Column("dataset", Integer, primary_key=True),
    Column("street", BigInteger, primary_key=True),
    Column("postcode", Bytewise, nullable=False),
    Column("canonical", Bytewise, nullable=False),
    Column("name", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("city_code", Bytewise),
    Column("longitude", Float, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("west", Float, nullable=False),
    Column("south", Float, nullable=False),
    Column("east", Float, nullable=False),
    Column("north", Float, nullable=False),
    Column("numbers", Integer, nullable=False),
    Index("jurat_dataset_streets_city", "dataset", "city_code", "canonical"),
    Index("jurat_dataset_streets_name", "dataset", "canonical"),
    Index("jurat_dataset_streets_postcode", "dataset", "postcode", "canonical"),
    sqlite_with_rowid=False,
)

dataset_houses = Table(
    "jurat_dataset_houses",
    metadata,
    Column("dataset", Integer, primary_key=True),
    Column("street", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("repetition", Bytewise, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("written", Text, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("latitude", Float, nullable=False),
    sqlite_with_rowid=False,
)

dataset_words = Table(
    "jurat_dataset_words",
    metadata,
    Column("dataset", Integer, primary_key=True),
    Column("word", Bytewise, primary_key=True),
    sqlite_with_rowid=False,
)

roster_entries = Table(
    "jurat_roster_entries",
    metadata,
    Column("dataset", Integer, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("number", LargeBinary, nullable=False),
    Column("kept", Document, nullable=False),
    Index("jurat_roster_entries_number", "dataset", "number"),
    sqlite_with_rowid=False,
)
