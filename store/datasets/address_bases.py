"""Reads an address base. All statements of a lookup see the version that was in force when it began.

A lookup is one transaction on one snapshot. A version that is switched or deleted meanwhile changes nothing for it, and
the next lookup sees the new version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine

from adapters.address.base.columns import LOOSE
from adapters.address.base.streets import ELSEWHERE, NEAR_NUMBERS, Area, House, Match, Street, Wanted, extent
from adapters.rosters import SEALED
from jurat.batches import Statement, run
from jurat.database import bounded, preparing, reader
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.rows import columns_of, row_of

MOST_STREETS = 200
"""Streets of one name in one postcode: in France a postcode has at most 46 towns, each of which may have one."""

MOST_POSITIONS = 100
"""Positions of one house number."""

LARGEST_AREA = 20_000
"""Streets of one postcode or town. Those of a larger one are not compared, because the best might be left out."""


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One version of an address base or a roster. `state` is `staged` while it is imported, `active`, `retired` when it
    was active before, `removing` while its rows are deleted, and then `removed`.

    `addresses` are the rows of an address base's file, `houses` those with a number. A roster has `people` instead;
    `left_out` further rows of its file could not be looked up. `layout` describes how they were read, `key_id` names
    the key of their numbers' hashes; both are None for an address base.
    """

    id: int
    name: str
    version: int
    state: str
    kind: str
    language: str
    digest: str
    data_date: date
    addresses: int
    houses: int
    streets: int
    imported_by: str
    imported_at: datetime
    people: int = 0
    left_out: int = 0
    layout: str | None = None
    key_id: str | None = None

    @property
    def is_roster(self) -> bool:
        return self.key_id is not None

    @property
    def is_sealed(self) -> bool:
        return (self.layout or "").startswith(SEALED)


COLUMNS = columns_of(DatasetRow)

_ACTIVE = f"""
    SELECT {COLUMNS} FROM jurat_datasets WHERE name = :name AND state = 'active' AND key_id IS NULL"""


@contextmanager
def open_dataset(engine: Engine, name: str) -> Iterator[OpenDataset | None]:
    """The version of an address base that is in force, to be searched within the block; None where there is none."""
    with preparing(bounded(reader(engine))).begin() as connection:
        snapshot = dialect_of(connection).snapshot
        before: list[Statement] = [(snapshot, {})] if snapshot else []
        *_, rows = run(connection, *before, (_ACTIVE, {"name": name}))
        yield OpenDataset(connection, row_of(DatasetRow, rows[0])) if rows else None


class OpenDataset:
    """An `AddressBase` in the database, as of one moment."""

    def __init__(self, connection: Connection, row: DatasetRow) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)
        self.row = row

    @property
    def id(self) -> int:
        """The version's id, never reused."""
        return self.row.id

    @property
    def language(self) -> str:
        """The language in which its street names were read."""
        return self.row.language

    @property
    def data_date(self) -> date | None:
        """The day of its data."""
        return self.row.data_date

    def find_named(self, wanted: Sequence[Wanted]) -> list[list[Match]]:
        with_codes = any(each.city_code for each in wanted)
        return self._matches(_named(self._dialect, with_codes), wanted)

    def find_anywhere(self, wanted: Sequence[Wanted]) -> list[list[Match]]:
        return self._matches(_anywhere(self._dialect), wanted)

    def houses(self, wanted: Sequence[tuple[Street, int, str]]) -> list[list[House]]:
        return self._houses_of(_houses(self._dialect), wanted)

    def houses_near(self, wanted: Sequence[tuple[Street, int]]) -> list[list[House]]:
        return self._houses_of(_houses_near(self._dialect), [(street, number, "") for street, number in wanted])

    def streets(self, area: Area) -> Mapping[str, Sequence[Street]]:
        column, value = area
        rows = self._all(_streets_of(column), value=value)
        found: dict[str, list[Street]] = {}
        for row in rows if len(rows) <= LARGEST_AREA else ():
            street = self._street(row)
            found.setdefault(street.canonical, []).append(street)
        return found

    def known_words(self, words: AbstractSet[str]) -> AbstractSet[str]:
        rows = rows_json([{"word": word} for word in sorted(words)])
        return {row[0] for row in self._all(_known_words(self._dialect), rows=rows)}

    def _houses_of(self, sql: str, wanted: Sequence[tuple[Street, int, str]]) -> list[list[House]]:
        rows = [
            {"position": position, "street": street.key, "number": number, "repetition": repetition}
            for position, (street, number, repetition) in enumerate(wanted)
        ]
        found: list[list[House]] = [[] for _ in wanted]
        for position, _, *house in self._all(sql, rows=rows_json(rows)):
            found[position].append(House(*house))
        return found

    def _matches(self, sql: str, wanted: Sequence[Wanted]) -> list[list[Match]]:
        rows = [{"position": position, **asdict(each)} for position, each in enumerate(wanted)]
        streets: list[dict[int, tuple[Street, list[House]]]] = [{} for _ in wanted]
        for position, _, number, longitude, latitude, accuracy, *columns in self._all(sql, rows=rows_json(rows)):
            key = columns[0]
            if key not in streets[position]:
                streets[position][key] = (self._street(columns), [])
            if number is not None:
                streets[position][key][1].append(House(number, longitude, latitude, accuracy))
        return [list(found.values()) for found in streets]

    def _street(self, row: Sequence[Any]) -> Street:
        key, name, canonical, postcode, city, city_code, longitude, latitude, *box, numbers, hamlet = row
        west, south, east, north = box
        whole = None if self.row.kind in LOOSE else extent((west, south, east, north), numbers)
        return Street(key, name, canonical, postcode, city, city_code, longitude, latitude, whole, hamlet or "")

    def _all(self, sql: str, **parameters: Any) -> Sequence[Any]:
        (rows,) = run(self._connection, (sql, {"dataset": self.row.id, **parameters}))
        return rows


_STREET = (
    *("street", "name", "canonical", "postcode", "city", "city_code", "longitude", "latitude"),
    *("west", "south", "east", "north", "numbers", "hamlet"),
)


_HOUSE = "h.written, h.longitude, h.latitude, h.accuracy"
_WANTED = "position int, postcode text, city_code text, canonical text, number int, repetition text"


def _matched(dialect: StoreDialect, where: str, limit: int) -> str:
    """The streets that `where` (of `s` and the rowset `r`) selects, each with its houses of the number wanted."""
    of_number = "h.dataset = :dataset AND h.street = s.street AND h.number = r.number AND h.repetition = r.repetition"
    return f"""
        SELECT r.position, h.line, {_HOUSE}, {", ".join(f"s.{name}" for name in _STREET)}
        FROM {dialect.rowset(_WANTED)}
        {dialect.join_some("jurat_dataset_streets s", f"s.dataset = :dataset AND {where}", limit)}
        {dialect.join_some("jurat_dataset_houses h", of_number, MOST_POSITIONS, "h.line", left=True)}"""


@lru_cache
def _named(dialect: StoreDialect, with_codes: bool) -> str:  # noqa: FBT001 - cached by position
    sql = _matched(dialect, "s.postcode = r.postcode AND s.canonical = r.canonical", MOST_STREETS)
    if with_codes:
        in_town = "s.city_code = r.city_code AND s.canonical = r.canonical AND s.postcode <> r.postcode"
        sql += f" UNION ALL {_matched(dialect, in_town, MOST_STREETS)}"
    return f"{sql} ORDER BY 1, 7, 2"


@lru_cache
def _anywhere(dialect: StoreDialect) -> str:
    where = "s.canonical = r.canonical"
    if not dialect.has_lateral:
        where += f""" AND s.street IN (SELECT t.street FROM jurat_dataset_streets t WHERE t.dataset = :dataset
                                       AND t.canonical = r.canonical LIMIT {ELSEWHERE})"""
    return f"{_matched(dialect, where, ELSEWHERE)} ORDER BY 1, 7, 2"


@lru_cache
def _houses(dialect: StoreDialect) -> str:
    return _houses_where(dialect, "h.number = r.number AND h.repetition = r.repetition", "h.line")


@lru_cache
def _houses_near(dialect: StoreDialect) -> str:
    near = f"h.number BETWEEN r.number - {NEAR_NUMBERS} AND r.number + {NEAR_NUMBERS}"
    return _houses_where(dialect, near, "abs(h.number - r.number), h.line")


def _houses_where(dialect: StoreDialect, where: str, order: str) -> str:
    of_street = f"h.dataset = :dataset AND h.street = r.street AND {where}"
    return f"""
        SELECT r.position, h.line, {_HOUSE}
        FROM {dialect.rowset("position int, street bigint, number int, repetition text")}
        {dialect.join_some("jurat_dataset_houses h", of_street, MOST_POSITIONS, order)}
        ORDER BY 1, 2"""


@lru_cache
def _streets_of(column: str) -> str:
    """`column` is the first item of an `Area`."""
    return f"""
        SELECT {", ".join(_STREET)} FROM jurat_dataset_streets
        WHERE dataset = :dataset AND {column} = :value LIMIT {LARGEST_AREA + 1}"""


@lru_cache
def _known_words(dialect: StoreDialect) -> str:
    known = dialect.join_some("jurat_dataset_words w", "w.dataset = :dataset AND w.word = r.word", limit=1)
    return f"SELECT w.word FROM {dialect.rowset('word text')} {known}"
