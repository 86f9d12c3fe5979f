"""Imports a dataset as a new version, invisible until one transaction switches to it.

A crashed import leaves a staged version, which the next import of that name removes. An import that is still running
then is overtaken: it ends at its next batch, and the newer one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, text

from adapters.address.base.batches import AddressBatch, HouseRow, StreetsMixed
from adapters.base import Box
from adapters.rosters import SEALED
from config.sources import SourceModel
from config.uses import sources_by_dataset
from jurat.database import reader
from jurat.statements import rows_json
from store.datasets.address_bases import COLUMNS, DatasetRow
from store.dialects import StoreDialect, dialect_of
from store.rows import row_of
from store.verdicts.records import add_audit_row

KEPT = 1
"""So many formerly active versions stay in the database: their files may be gone."""

STREETS_AT_ONCE, WORDS_AT_ONCE, PEOPLE_AT_ONCE = 2_000, 20_000, 20_000
"""What one statement deletes: streets with all their houses, words, lines of a roster's file."""

_LOCK = 7882846
"""PostgreSQL's advisory lock for changes of the list of versions."""


class ImportRefused(Exception):
    """An import is not done; the message says why."""


class Overtaken(ImportRefused):
    """Another import of the same name began, or the dataset was removed, while this import was running."""


class OtherKind(ImportRefused):
    """A roster was to be imported under the name of an address base, or the other way round."""


def refuse_used(name: str, sources: Mapping[str, SourceModel]) -> None:
    """Raise ImportRefused if some of these sources, which are applied, look something up in a dataset."""
    if using := sources_by_dataset(sources).get(name):
        raise ImportRefused(
            f"the applied configuration uses {name} in its source {', '.join(using)}; apply one without it first"
        )


@dataclass(frozen=True, slots=True)
class ActivatedBase:
    """The version that is in force now, and the box around all its addresses."""

    row: DatasetRow
    box: Box


class Versions:
    """The administrators' writes of whole versions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)

    def versions(self) -> list[DatasetRow]:
        """All versions that are not removed, by name and then the newest first."""
        sql = f"""
            SELECT {COLUMNS} FROM jurat_datasets WHERE state NOT IN ('removing', 'removed')
            ORDER BY name, version DESC"""
        with reader(self._engine).begin() as connection:
            return [row_of(DatasetRow, row) for row in connection.execute(text(sql))]

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
        """Begin a new version, and remove what earlier imports of this name left behind. Raises OtherKind."""
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
        sql = f"""
            INSERT INTO jurat_datasets (id, name, version, kind, language, digest, data_date, imported_by, imported_at,
                                        layout, key_id)
            VALUES ((SELECT coalesce(max(id), 0) + 1 FROM jurat_datasets),
                    :name, (SELECT coalesce(max(version), 0) + 1 FROM jurat_datasets WHERE name = :name),
                    :kind, :language, :digest, :data_date, :who, {self._dialect.now()}, :layout, :key_id)
            RETURNING {COLUMNS}"""
        with self._engine.begin() as connection:
            self._lock(connection)
            self._refuse_other_kind(connection, name, is_roster=key_id is not None)
            self._change(connection, name, "staged", "removing")
            row = connection.execute(text(sql), values).one()
        self.sweep()
        return row_of(DatasetRow, row)

    @contextmanager
    def removing_on_failure(self, staged: DatasetRow) -> Iterator[None]:
        """Remove a staged version if the block, which fills it and switches to it, raises an exception."""
        try:
            yield
        except Exception:
            sql = "UPDATE jurat_datasets SET state = 'removing' WHERE id = :id AND state = 'staged'"
            with self._engine.begin() as connection:
                connection.execute(text(sql), {"id": staged.id})
            self.sweep()
            raise

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
        """Delete the rows of versions to be removed, in short transactions; the next sweep completes a broken one."""
        with reader(self._engine).begin() as connection:
            gone = connection.execute(text("SELECT id FROM jurat_datasets WHERE state = 'removing'")).scalars().all()
        for dataset in gone:
            for bound in self._bounds("jurat_dataset_streets", "street", dataset, STREETS_AT_ONCE):
                self._delete(("jurat_dataset_houses", "jurat_dataset_streets"), "street", dataset, bound)
            for bound in self._bounds("jurat_dataset_words", "word", dataset, WORDS_AT_ONCE):
                self._delete(("jurat_dataset_words",), "word", dataset, bound)
            for bound in self._bounds("jurat_roster_entries", "line", dataset, PEOPLE_AT_ONCE):
                self._delete(("jurat_roster_entries",), "line", dataset, bound)
            sql = "UPDATE jurat_datasets SET state = 'removed' WHERE id = :id AND state = 'removing'"
            with self._engine.begin() as connection:
                connection.execute(text(sql), {"id": dataset})

    def _bounds(self, table: str, column: str, dataset: int, count: int) -> Iterator[Any]:
        """The last of the next `count` rows to delete, again and again while there are any."""
        sql = f"""
            SELECT max({column}) FROM (
              SELECT {column} FROM {table} WHERE dataset = :id ORDER BY {column} LIMIT {count}) AS batch"""
        while True:
            with reader(self._engine).begin() as connection:
                bound = connection.execute(text(sql), {"id": dataset}).scalar_one()
            if bound is None:
                return
            yield bound

    def _delete(self, tables: Sequence[str], column: str, dataset: int, bound: Any) -> None:
        with self._engine.begin() as connection:
            for table in tables:
                sql = f"DELETE FROM {table} WHERE dataset = :id AND {column} <= :bound"
                connection.execute(text(sql), {"id": dataset, "bound": bound})

    def _change(self, connection: Connection, name: str, before: str, after: str) -> int:
        sql = "UPDATE jurat_datasets SET state = :after WHERE name = :name AND state = :before"
        return connection.execute(text(sql), {"name": name, "before": before, "after": after}).rowcount

    def _lock(self, connection: Connection) -> None:
        """Wait for others who change versions; SQLite's BEGIN IMMEDIATE does that already."""
        if not self._dialect.one_writer:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))

    def _count(self, connection: Connection, staged: DatasetRow, **more: int) -> None:
        """Count a batch, and lock the version's row: it cannot be removed before the batch is stored."""
        counts = ", ".join(f"{name} = {name} + :{name}" for name in more)
        sql = f"UPDATE jurat_datasets SET {counts} WHERE id = :id AND state = 'staged'"
        if not connection.execute(text(sql), {"id": staged.id, **more}).rowcount:
            raise Overtaken(_overtaken(staged))

    def _put_in_force(
        self, connection: Connection, staged: DatasetRow, who: str, detail: Sequence[str], **counts: int
    ) -> DatasetRow:
        """Put a staged version in force in place of the one before, with `detail` in the audit. Raises Overtaken.

        Of a roster, no version in clear is kept beside one that is sealed.
        """
        self._change(connection, staged.name, "active", "retired")
        activate = f"""
            UPDATE jurat_datasets SET state = 'active', imported_at = {self._dialect.now()}
            {"".join(f", {name} = :{name}" for name in counts)}
            WHERE id = :id AND state = 'staged' RETURNING {COLUMNS}"""
        row = connection.execute(text(activate), {"id": staged.id, **counts}).first()
        if row is None:
            raise Overtaken(_overtaken(staged))
        active = row_of(DatasetRow, row)
        in_clear = f"layout NOT LIKE '{SEALED}%'" if active.is_sealed else "false"
        drop_old = f"""
            UPDATE jurat_datasets SET state = 'removing' WHERE name = :name AND state = 'retired' AND ({in_clear}
            OR version NOT IN (SELECT version FROM jurat_datasets WHERE name = :name AND state = 'retired'
                               ORDER BY version DESC LIMIT {KEPT}))"""
        connection.execute(text(drop_old), {"name": staged.name})
        add_audit_row(connection, who, "datasets import", staged.name, {name: getattr(active, name) for name in detail})
        return active

    def _analyze(self, *tables: str) -> None:
        """Refresh the statistics, which the first lookups would miss."""
        if self._dialect.plans_by_statistics:
            with self._engine.begin() as connection:
                for table in tables:
                    connection.execute(text(f"ANALYZE {table}"))

    def _refuse_other_kind(self, connection: Connection, name: str, *, is_roster: bool) -> None:
        sql = "SELECT key_id FROM jurat_datasets WHERE name = :name AND state IN ('active', 'retired')"
        keys = connection.execute(text(sql), {"name": name}).scalars()
        if any((key is not None) is not is_roster for key in keys):
            other = "an address base" if is_roster else "a roster"
            raise OtherKind(f"{name} is {other}; choose another name, or remove it with `bin/jurat datasets remove`")


class DatasetImport(Versions):
    """The administrators' writes of address bases."""

    def add(self, staged: DatasetRow, batch: AddressBatch) -> None:
        """Add a batch to a staged version, in one transaction. Raises Overtaken, or StreetsMixed."""
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
                sql = f"""
                    INSERT INTO jurat_dataset_words (dataset, word)
                    SELECT :dataset, r.word FROM {self._dialect.rowset("word text")} WHERE true
                    ON CONFLICT (dataset, word) DO NOTHING"""
                connection.execute(text(sql), {"dataset": staged.id, "rows": words})

    def switch(self, staged: DatasetRow, who: str) -> ActivatedBase:
        """Put a staged version in force in place of the one before, and delete those not kept. Raises Overtaken."""
        self._analyze("jurat_dataset_streets", "jurat_dataset_houses", "jurat_dataset_words")
        sql = """
            SELECT count(*), min(west), min(south), max(east), max(north) FROM jurat_dataset_streets
            WHERE dataset = :id"""
        with self._engine.begin() as connection:
            self._lock(connection)
            number, west, south, east, north = connection.execute(text(sql), {"id": staged.id}).one()
            active = self._put_in_force(connection, staged, who, ("version", "digest", "addresses"), streets=number)
        self.sweep()
        return ActivatedBase(active, (west, south, east, north))


def _overtaken(staged: DatasetRow) -> str:
    return f"another import of {staged.name} began, or it was removed: this one has ended"


_HOUSE = ("street", "number", "repetition", "line", "written", "longitude", "latitude", "accuracy")


def _copy_houses(connection: Connection, dataset: int, houses: Sequence[HouseRow]) -> None:
    """By COPY on PostgreSQL, several times as fast as INSERT, and row by row on SQLite, which is as fast there."""
    columns = f"jurat_dataset_houses (dataset, {', '.join(_HOUSE)})"
    if not dialect_of(connection).has_copy:
        marks = ", ".join("?" * (1 + len(_HOUSE)))
        rows = [(dataset, *house) for house in houses]
        connection.exec_driver_sql(f"INSERT INTO {columns} VALUES ({marks})", rows)
        return
    with copying(connection, columns) as copy:
        for house in houses:
            copy.write_row((dataset, *house))


@contextmanager
def copying(connection: Connection, columns: str) -> Iterator[Any]:
    """A COPY of psycopg into `columns` ("table (column, …)")."""
    raw: Any = connection.connection.dbapi_connection
    psycopg: Any = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy:
            yield copy
    except psycopg.Error as error:
        # Raises SQLAlchemy's error, as if it had run the statement (see `jurat.batches`).
        connection.exec_driver_sql("", execution_options={"jurat_error": error})
        raise


_STREETS = (
    "street bigint, postcode text, canonical text, name text, city text, city_code text, longitude float8, "
    "latitude float8, west float8, south float8, east float8, north float8, hamlet text, numbers int"
)
_STREET = tuple(column.split()[0] for column in _STREETS.split(", "))


@lru_cache
def _add_streets(dialect: StoreDialect) -> str:
    """A street that exists already gets the houses of the new batch as well, if it is the same street."""
    return f"""
        INSERT INTO jurat_dataset_streets AS s (dataset, {", ".join(_STREET)})
        SELECT :dataset, {", ".join(f"r.{name}" for name in _STREET)} FROM {dialect.rowset(_STREETS)} WHERE true
        ON CONFLICT (dataset, street) DO UPDATE SET
            west = {dialect.least("s.west", "excluded.west")}, south = {dialect.least("s.south", "excluded.south")},
            east = {dialect.greatest("s.east", "excluded.east")},
            north = {dialect.greatest("s.north", "excluded.north")}, numbers = s.numbers | excluded.numbers
        WHERE s.postcode = excluded.postcode AND s.canonical = excluded.canonical
          AND coalesce(s.city_code, '') = coalesce(excluded.city_code, '')"""
