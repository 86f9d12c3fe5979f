"""Imports rosters and looks people up in them.

A row has the keyed hash of its number, and those other columns of the file that the rules read: sealed, or in clear in
versions that workers of earlier releases read. It is removed with its version, as in an address base (see
`store.datasets.imports`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from adapters.rosters import MOST_ALIKE, RosterVersion
from jurat.batches import run
from jurat.database import bounded, preparing, reader
from store.datasets.address_bases import DatasetRow
from store.datasets.imports import Versions, copying
from store.dialects import StoreDialect, dialect_of

_MOST_READ = MOST_ALIKE + 1

_NUMBER = 16
"""Bytes of the hash of a number."""


class RosterEntry(NamedTuple):
    """One row to store: `number` is its hash, `kept` a JSON object of texts by column, or what they are sealed in."""

    line: int
    number: bytes
    kept: str

    def __repr__(self) -> str:
        return f"RosterEntry(line={self.line})"


@dataclass(frozen=True, slots=True)
class ActivatedRoster:
    """The version that is in force now, how many numbers are in several of its rows, and in how many rows."""

    row: DatasetRow
    shared: int
    sharing: int


class RosterImport(Versions):
    """The administrators' writes of rosters."""

    def add(self, staged: DatasetRow, people: Iterable[RosterEntry]) -> int:
        """Add people to a staged version, in one transaction; returns how many. Raises Overtaken."""
        with self._engine.begin() as connection:
            count = _copy(connection, staged.id, people)
            self._count(connection, staged, people=count)
        return count

    def switch(self, staged: DatasetRow, who: str, left_out: int = 0) -> ActivatedRoster:
        """Put a staged version in force, as `DatasetImport.switch` does; its file has `left_out` more rows."""
        self._analyze("jurat_roster_entries")
        with reader(self._engine).begin() as connection:
            shared, sharing = connection.execute(text(_SHARED), {"id": staged.id}).one()
        with self._engine.begin() as connection:
            self._lock(connection)
            detail = ("version", "digest", "people", "left_out")
            active = self._put_in_force(connection, staged, who, detail, left_out=left_out)
        self.sweep()
        return ActivatedRoster(active, shared, sharing)


_SHARED = """
    SELECT count(*), coalesce(sum(alike), 0) FROM (
        SELECT count(*) AS alike FROM jurat_roster_entries WHERE dataset = :id GROUP BY number HAVING count(*) > 1
    ) AS numbers"""

_COLUMNS = "jurat_roster_entries (dataset, line, number, kept)"


def _copy(connection: Connection, dataset: int, people: Iterable[RosterEntry]) -> int:
    """By COPY on PostgreSQL, which stores while more is read, and row by row on SQLite, which is as fast there."""
    if not dialect_of(connection).has_copy:
        rows = [(dataset, *person) for person in people]
        if rows:
            connection.exec_driver_sql(f"INSERT INTO {_COLUMNS} VALUES (?, ?, ?, ?)", rows)
        return len(rows)
    rest, count = iter(people), 0
    with copying(connection, _COLUMNS) as copy:
        while lines := [_line(dataset, *person) for person in islice(rest, _AT_ONCE)]:
            copy.write("".join(lines))
            count += len(lines)
    return count


def _line(dataset: int, line: int, number: bytes, kept: str) -> str:
    """A row in COPY's text format, in which a backslash is written twice. JSON has no tab and no line end."""
    return f"{dataset}\t{line}\t\\\\x{number.hex()}\t{kept.replace(_BACKSLASH, _BACKSLASH * 2)}\n"


_BACKSLASH = "\\"
_AT_ONCE = 200
"""Rows that are sent at once."""


# -- looking up


def find_entries(engine: Engine, dataset: str, numbers: Sequence[bytes]) -> RosterVersion | None:
    """The version of a roster that is in force, with the people who have one of `numbers`; None without a roster."""
    positions = json.dumps(list(range(len(numbers))))
    parameters = {"name": dataset, "numbers": b"".join(numbers), "positions": positions}
    with preparing(bounded(reader(engine))).begin() as connection:
        (rows,) = run(connection, (_find(dialect_of(connection)), parameters))
    people: dict[bytes, list[Mapping[str, str]]] = {}
    for *_, number, kept in rows:
        if number is not None:
            people.setdefault(bytes(number), []).append(kept if isinstance(kept, dict) else json.loads(kept))
    if not rows:
        return None
    version, layout, key_id, data_date, left_out, count, *_ = rows[0]
    return RosterVersion(version, layout, key_id, date.fromisoformat(data_date), left_out, count, people)


@lru_cache
def _find(dialect: StoreDialect) -> str:
    """At least one row where there is a roster. The numbers are sent as one string of bytes, `_NUMBER` for each."""
    wanted = f"substr({{}}, 1 + {_NUMBER} * {{}}, {_NUMBER})"
    those = "q.dataset = g.id AND q.number = "
    if dialect.has_lateral:
        wanted = wanted.format("CAST(:numbers AS bytea)", "CAST(value AS int)")
        join = f"""
            LEFT JOIN LATERAL (
                SELECT p.number, p.kept
                FROM (SELECT {wanted} AS number FROM jsonb_array_elements_text(CAST(:positions AS jsonb))) r
                JOIN LATERAL (SELECT q.number, q.kept FROM jurat_roster_entries q
                              WHERE {those} r.number ORDER BY q.line LIMIT {_MOST_READ}) p ON true
            ) p ON true"""
    else:
        wanted = wanted.format(":numbers", "j.value")
        join = f"""
            LEFT JOIN json_each(:positions) j
            LEFT JOIN jurat_roster_entries p ON p.dataset = g.id AND p.number = {wanted} AND p.line IN (
                SELECT q.line FROM jurat_roster_entries q WHERE {those} {wanted} ORDER BY q.line LIMIT {_MOST_READ})"""
    return f"""
        SELECT g.version, g.layout, g.key_id, g.data_date, g.left_out, g.people, p.number, p.kept
        FROM jurat_datasets g {join}
        WHERE g.name = :name AND g.state = 'active' AND g.key_id IS NOT NULL"""
