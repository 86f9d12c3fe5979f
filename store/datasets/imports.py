"""Imports a dataset as a new version that nobody sees until one transaction switches to it.

An import that crashed leaves a staged version, which the next import of that name removes. An import that is still
running then is overtaken: it ends at its next batch, and the newer one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, text

from adapters.address.base.batches import AddressBatch, HouseRow, StreetsMixed
from adapters.base import Box
from jurat.database import reader
from jurat.statements import rows_json
from store.datasets.address_bases import COLUMNS, DatasetRow
from store.dialects import StoreDialect, dialect_of
from store.verdicts.records import add_audit_row

KEPT = 1
"""So many versions that were active before stay in the database: the files that made them may be gone."""

STREETS_AT_ONCE, WORDS_AT_ONCE, PEOPLE_AT_ONCE = 2_000, 20_000, 20_000
"""What one statement deletes, with all houses of those streets; of people, so many lines of their file."""

_LOCK = 7882846
"""PostgreSQL's advisory lock of those who change which versions there are."""


class Overtaken(Exception):
    """Another import of the same name began, or somebody removed the base, while this import was running."""


class OtherKind(Exception):
    """The name is that of an address base, and a roster was to be imported under it, or the other way round."""


@dataclass(frozen=True, slots=True)
class Switched:
    """The version that is in force now, and the box around all its addresses."""

    row: DatasetRow
    box: Box


class Versions:
    """The administrators' writes of whole versions. Nothing of an import is seen before it is put in force."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)

    def versions(self) -> list[DatasetRow]:
        """All versions that have rows, or get them, by name and then the newest first."""
        with reader(self._engine).begin() as connection:
            rows = connection.execute(
                text(
                    f"SELECT {', '.join(COLUMNS)} FROM jurat_datasets WHERE state NOT IN ('removing', 'removed') "
                    "ORDER BY name, version DESC"
                )
            ).all()
        return [DatasetRow.of(row) for row in rows]

    def stage(
        self,
        name: str,
        kind: str,
        language: str,
        digest: str,
        data_date: date,
        who: str,
        *,
        layout: str | None = None,
        key_id: str | None = None,
    ) -> DatasetRow:
        """Begin a new version, and remove what imports of this name before it left behind.

        Raises:
            OtherKind: the name is that of something else.
        """
        with self._engine.begin() as connection:
            self._lock(connection)
            self._refuse_other_kind(connection, name, is_list=key_id is not None)
            connection.execute(
                text("UPDATE jurat_datasets SET state = 'removing' WHERE name = :name AND state = 'staged'"),
                {"name": name},
            )
            values = {
                "name": name,
                "kind": kind,
                "language": language,
                "digest": digest,
                "data_date": data_date.isoformat(),
                "who": who,
                "layout": layout,
                "key_id": key_id,
            }
            connection.execute(text(_stage(self._dialect)), values)
            row = connection.execute(
                text(f"SELECT {', '.join(COLUMNS)} FROM jurat_datasets WHERE name = :name AND state = 'staged'"),
                {"name": name},
            ).one()
        self.sweep()
        return DatasetRow.of(row)

    def give_up(self, staged: DatasetRow) -> None:
        """Remove a staged version."""
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE jurat_datasets SET state = 'removing' WHERE id = :id AND state = 'staged'"),
                {"id": staged.id},
            )
        self.sweep()

    def remove(self, name: str, who: str) -> int:
        """Remove all versions of a name; how many there were."""
        with self._engine.begin() as connection:
            self._lock(connection)
            count = sum(self._change(connection, name, state, "removing") for state in ("staged", "active", "retired"))
            if count:
                add_audit_row(connection, who, "datasets remove", name, {"versions": count})
        self.sweep()
        return count

    def sweep(self) -> None:
        """Delete the rows of versions that are to go, in many short transactions. One that is cut off is made up for by
        the next.
        """
        with reader(self._engine).begin() as connection:
            gone = connection.execute(text("SELECT id FROM jurat_datasets WHERE state = 'removing'")).scalars().all()
        for dataset in gone:
            for bound in self._bounds("jurat_dataset_streets", "street", dataset, STREETS_AT_ONCE):
                self._delete(("jurat_dataset_houses", "jurat_dataset_streets"), "street", dataset, bound)
            for bound in self._bounds("jurat_dataset_words", "word", dataset, WORDS_AT_ONCE):
                self._delete(("jurat_dataset_words",), "word", dataset, bound)
            for bound in self._bounds("jurat_roster_entries", "line", dataset, PEOPLE_AT_ONCE):
                self._delete(("jurat_roster_entries",), "line", dataset, bound)
            with self._engine.begin() as connection:
                connection.execute(
                    text("UPDATE jurat_datasets SET state = 'removed' WHERE id = :id AND state = 'removing'"),
                    {"id": dataset},
                )

    def _bounds(self, table: str, column: str, dataset: int, count: int) -> Iterator[Any]:
        """Up to where the next `count` rows go, again and again while there are any."""
        sql = (
            f"SELECT max({column}) FROM (SELECT {column} FROM {table} WHERE dataset = :id "
            f"ORDER BY {column} LIMIT {count}) AS lot"
        )
        while True:
            with reader(self._engine).begin() as connection:
                bound = connection.execute(text(sql), {"id": dataset}).scalar_one()
            if bound is None:
                return
            yield bound

    def _delete(self, tables: Sequence[str], column: str, dataset: int, bound: Any) -> None:
        with self._engine.begin() as connection:
            for table in tables:
                connection.execute(
                    text(f"DELETE FROM {table} WHERE dataset = :id AND {column} <= :bound"),
                    {"id": dataset, "bound": bound},
                )

    def _change(self, connection: Connection, name: str, before: str, after: str) -> int:
        return connection.execute(
            text("UPDATE jurat_datasets SET state = :after WHERE name = :name AND state = :before"),
            {"name": name, "before": before, "after": after},
        ).rowcount

    def _lock(self, connection: Connection) -> None:
        """One at a time; SQLite's BEGIN IMMEDIATE sees to that already."""
        if not self._dialect.one_writer:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))

    def _count(self, connection: Connection, staged: DatasetRow, **more: int) -> None:
        """Counts a batch, and holds the version's row: nobody takes it away before the batch is stored."""
        counts = ", ".join(f"{name} = {name} + :{name}" for name in more)
        counted = connection.execute(
            text(f"UPDATE jurat_datasets SET {counts} WHERE id = :id AND state = 'staged'"), {"id": staged.id, **more}
        )
        if not counted.rowcount:
            raise Overtaken(_overtaken(staged))

    def _put_in_force(
        self, connection: Connection, staged: DatasetRow, who: str, detail: Sequence[str], **counts: int
    ) -> DatasetRow:
        """Put a staged version in force in place of the one before, and name `detail` of it in the audit.

        Raises:
            Overtaken: it is staged no more.
        """
        self._change(connection, staged.name, "active", "retired")
        row = connection.execute(
            text(
                f"UPDATE jurat_datasets SET state = 'active', imported_at = {self._dialect.now()}"
                f"{''.join(f', {name} = :{name}' for name in counts)} WHERE id = :id AND state = 'staged' "
                f"RETURNING {', '.join(COLUMNS)}"
            ),
            {"id": staged.id, **counts},
        ).first()
        if row is None:
            raise Overtaken(_overtaken(staged))
        active = DatasetRow.of(row)
        connection.execute(text(_drop_old()), {"name": staged.name})
        told = {name: getattr(active, name) for name in detail}
        add_audit_row(connection, who, "datasets import", staged.name, told)
        return active

    def _analyze(self, *tables: str) -> None:
        """Refresh the statistics, which the first lookups would miss."""
        if self._dialect.plans_by_statistics:
            with self._engine.begin() as connection:
                for table in tables:
                    connection.execute(text(f"ANALYZE {table}"))

    def _refuse_other_kind(self, connection: Connection, name: str, *, is_list: bool) -> None:
        keys = connection.execute(
            text("SELECT key_id FROM jurat_datasets WHERE name = :name AND state IN ('active', 'retired')"),
            {"name": name},
        ).scalars()
        if any((key is not None) is not is_list for key in keys):
            there = "an address base" if is_list else "a roster"
            raise OtherKind(f"{name} is {there}; choose another name, or remove it with `bin/jurat datasets remove`")


class DatasetImport(Versions):
    """The administrators' writes of address bases."""

    def add(self, staged: DatasetRow, batch: AddressBatch) -> None:
        """Add a batch to a staged version, in one transaction.

        Raises:
            Overtaken: it is staged no more.
            StreetsMixed: two streets have one number.
        """
        streets = rows_json([{name: getattr(street, name) for name in _STREET} for street in batch.streets.values()])
        with self._engine.begin() as connection:
            self._count(connection, staged, addresses=batch.rows, houses=len(batch.houses))
            if batch.houses:
                _copy_houses(connection, staged.id, batch.houses)
            added = connection.execute(text(_add_streets(self._dialect)), {"dataset": staged.id, "rows": streets})
            if added.rowcount != len(batch.streets):
                raise StreetsMixed("two streets got the same number; import the file again, and they get others")
            if batch.words:
                words = rows_json([{"word": word} for word in sorted(batch.words)])
                connection.execute(text(_add_words(self._dialect)), {"dataset": staged.id, "rows": words})

    def switch(self, staged: DatasetRow, who: str) -> Switched:
        """Put a staged version in force in place of the one before, and delete those that are not kept.

        Raises:
            Overtaken: it is staged no more.
        """
        self._analyze("jurat_dataset_streets", "jurat_dataset_houses", "jurat_dataset_words")
        with self._engine.begin() as connection:
            self._lock(connection)
            number, *box = connection.execute(
                text(
                    "SELECT count(*), min(west), min(south), max(east), max(north) FROM jurat_dataset_streets "
                    "WHERE dataset = :id"
                ),
                {"id": staged.id},
            ).one()
            active = self._put_in_force(connection, staged, who, ("version", "digest", "addresses"), streets=number)
        self.sweep()
        west, south, east, north = box
        return Switched(active, (west, south, east, north))


def _overtaken(staged: DatasetRow) -> str:
    return f"another import of {staged.name} began, or it was removed: this one has ended"


_HOUSE = ("street", "number", "repetition", "line", "written", "longitude", "latitude")


def _copy_houses(connection: Connection, dataset: int, houses: Sequence[HouseRow]) -> None:
    """By COPY on PostgreSQL, which is several times as quick as INSERT, and row by row on SQLite, which is as quick."""
    columns = f"jurat_dataset_houses (dataset, {', '.join(_HOUSE)})"
    if not dialect_of(connection).has_copy:
        marks = ", ".join("?" * (1 + len(_HOUSE)))
        rows = [(dataset, *house) for house in houses]
        connection.exec_driver_sql(f"INSERT INTO {columns} VALUES ({marks})", rows)
        return
    raw: Any = connection.connection.dbapi_connection
    psycopg: Any = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy:
            for house in houses:
                copy.write_row((dataset, *house))
    except psycopg.Error as error:
        # Raises what SQLAlchemy makes of it, as if it had run the statement (see `jurat.batches`).
        connection.exec_driver_sql("", execution_options={"jurat_error": error})
        raise


@lru_cache
def _stage(dialect: StoreDialect) -> str:
    return f"""
        INSERT INTO jurat_datasets (id, name, version, kind, language, digest, data_date, imported_by, imported_at,
                                     layout, key_id)
        VALUES ((SELECT coalesce(max(id), 0) + 1 FROM jurat_datasets),
                :name, (SELECT coalesce(max(version), 0) + 1 FROM jurat_datasets WHERE name = :name),
                :kind, :language, :digest, :data_date, :who, {dialect.now()}, :layout, :key_id)"""


_STREETS = (
    "street bigint, postcode text, canonical text, name text, city text, city_code text, longitude float8, "
    "latitude float8, west float8, south float8, east float8, north float8, numbers int"
)
_STREET = tuple(column.split()[0] for column in _STREETS.split(", "))


@lru_cache
def _add_streets(dialect: StoreDialect) -> str:
    """A street that is there already gets the houses of the new batch too, where it is the same street."""
    return f"""
        INSERT INTO jurat_dataset_streets AS s (dataset, {", ".join(_STREET)})
        SELECT :dataset, {", ".join(f"r.{name}" for name in _STREET)} FROM {dialect.rowset(_STREETS)} WHERE true
        ON CONFLICT (dataset, street) DO UPDATE SET
            west = {dialect.least("s.west", "excluded.west")}, south = {dialect.least("s.south", "excluded.south")},
            east = {dialect.greatest("s.east", "excluded.east")},
            north = {dialect.greatest("s.north", "excluded.north")}, numbers = s.numbers | excluded.numbers
        WHERE s.postcode = excluded.postcode AND s.canonical = excluded.canonical
          AND coalesce(s.city_code, '') = coalesce(excluded.city_code, '')"""


@lru_cache
def _add_words(dialect: StoreDialect) -> str:
    return f"""
        INSERT INTO jurat_dataset_words (dataset, word)
        SELECT :dataset, r.word FROM {dialect.rowset("word text")} WHERE true
        ON CONFLICT (dataset, word) DO NOTHING"""


@lru_cache
def _drop_old() -> str:
    return f"""
        UPDATE jurat_datasets SET state = 'removing' WHERE name = :name AND state = 'retired'
        AND version NOT IN (SELECT version FROM jurat_datasets WHERE name = :name AND state = 'retired'
                            ORDER BY version DESC LIMIT {KEPT})"""
