"""Looks an address up in a local file in BAN's CSV format (https://adresse.data.gouv.fr/donnees-nationales), plain or
gzip.

The file is read once, at the first lookup or by `load`, and kept in memory. A larger one, or one in another format, is
imported into the database (`database.py`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from pathlib import Path

from adapters.address.base.batches import StreetRow, StreetsMixed, batches
from adapters.address.base.columns import BAN
from adapters.address.base.rows import AddressRows
from adapters.address.base.search import search
from adapters.address.base.streets import ELSEWHERE, NEAR_NUMBERS, Area, House, Match, Street, Wanted, extent
from adapters.base import Places, Query, SourceOfMany, Unreadable
from adapters.file_lines import FileError

MOST_ROWS = 2_000_000
"""A department has up to 1.1 million; all of France belongs in a dataset in the database."""


class AddressFile(SourceOfMany):
    """A source of type `address-file` with a `path`. `language` is that of the street names."""

    def __init__(self, path: Path, language: str = "fr") -> None:
        self._path = path
        self._language = language
        self._base: _Memory | FileError | None = None
        self._lock = threading.Lock()

    def load(self) -> int:
        """Read the file, unless that was done, and return the number of addresses. Raises FileError."""
        return self._load().rows

    def look_up(self, query: Query) -> Places:
        return self.look_up_many([query])[0]

    def look_up_many(self, queries: Sequence[Query]) -> list[Places]:
        """As `search`. Raises Unreadable where the file cannot be used."""
        try:
            base = self._load()
        except FileError as error:
            raise Unreadable(str(error).splitlines()[0]) from None
        return search(queries, base, self._language)

    def _load(self) -> _Memory:
        with self._lock:
            if self._base is None:
                try:
                    self._base = _Memory(self._path, self._language)
                except FileError as error:
                    self._base = error  # so that a large broken file is not read for each lookup
                except StreetsMixed as error:
                    self._base = FileError(f"{self._path.name}: {error}")
            if isinstance(self._base, FileError):
                raise FileError(*self._base.args)
            return self._base


class _Memory:
    """An `AddressBase` in memory. Raises FileError with all problems of the file."""

    def __init__(self, path: Path, language: str) -> None:
        rows = AddressRows(path, BAN, language, most=MOST_ROWS)
        self._areas: dict[Area, dict[str, list[Street]]] = defaultdict(lambda: defaultdict(list))
        self._by_name: dict[str, list[Street]] = defaultdict(list)
        self._houses: dict[int, dict[tuple[int, str], list[House]]] = defaultdict(lambda: defaultdict(list))
        self._words: set[str] = set()
        for batch in batches(rows, language, size=MOST_ROWS + 1):  # one batch, for all of it stays in memory anyway
            for row in batch.streets.values():
                street = _street(row)
                self._areas["postcode", street.postcode][street.canonical].append(street)
                if street.city_code:
                    self._areas["city_code", street.city_code][street.canonical].append(street)
                self._by_name[street.canonical].append(street)
            for house in batch.houses:
                at = House(house.written, house.longitude, house.latitude, house.accuracy)
                self._houses[house.street][house.number, house.repetition].append(at)
            self._words |= batch.words
        self.rows = rows.rows
        self.data_date: date | None = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()

    def find_named(self, wanted: Sequence[Wanted]) -> list[list[Match]]:
        found = []
        for each in wanted:
            streets = [*self._streets_named(("postcode", each.postcode), each.canonical)]
            if each.city_code:
                streets += self._streets_named(("city_code", each.city_code), each.canonical)
            found.append(self._with_houses(list({street.key: street for street in streets}.values()), each))
        return found

    def find_anywhere(self, wanted: Sequence[Wanted]) -> list[list[Match]]:
        return [self._with_houses(self._by_name.get(each.canonical, [])[:ELSEWHERE], each) for each in wanted]

    def houses(self, wanted: Sequence[tuple[Street, int, str]]) -> list[Sequence[House]]:
        return [self._house(street, number, repetition) for street, number, repetition in wanted]

    def houses_near(self, wanted: Sequence[tuple[Street, int]]) -> list[Sequence[House]]:
        return [
            [
                house
                for (found, _), houses in self._houses.get(street.key, {}).items()
                if abs(found - number) <= NEAR_NUMBERS
                for house in houses
            ]
            for street, number in wanted
        ]

    def streets(self, area: Area) -> Mapping[str, Sequence[Street]]:
        return self._areas.get(area, {})

    def known_words(self, words: AbstractSet[str]) -> AbstractSet[str]:
        return words & self._words

    def _streets_named(self, area: Area, canonical: str) -> Sequence[Street]:
        return self._areas.get(area, {}).get(canonical, ())

    def _with_houses(self, streets: Sequence[Street], wanted: Wanted) -> list[Match]:
        number = wanted.number
        return [
            (street, () if number is None else self._house(street, number, wanted.repetition)) for street in streets
        ]

    def _house(self, street: Street, number: int, repetition: str) -> Sequence[House]:
        return self._houses.get(street.key, {}).get((number, repetition), ())


def _street(row: StreetRow) -> Street:
    place = row.postcode, row.city, row.city_code
    around = extent((row.west, row.south, row.east, row.north), row.numbers)
    return Street(row.street, row.name, row.canonical, *place, row.longitude, row.latitude, around, row.hamlet)
