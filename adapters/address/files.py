"""An address base in a local file: BAN's CSV format (https://adresse.data.gouv.fr/donnees-nationales), plain or gzip.

One row is one house. Fields are separated by semicolons; `COLUMNS` names the columns that count, others may be there.
The file is read once, at the first look-up or by `load`.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

from adapters.address.answer import Asked, HouseNumber, read_answer, repetition
from adapters.address.matching import THRESHOLD, canonical, similarity
from adapters.base import Level, Place, Places, Query, Unreadable

COLUMNS = ("numero", "rep", "nom_voie", "code_postal", "nom_commune", "lon", "lat")
MOST_ROWS = 2_000_000
"""A department has up to 1.1 million; all of France belongs in a register in the database."""
SHOWN_PROBLEMS = 20
FUZZY_CANDIDATES = 20
FUZZY_CUTOFF = 0.5


class AddressFileError(ValueError):
    """The file can not be used; the message has a line for each problem: file, line, column, and what to do."""


@dataclass(slots=True)
class _House:
    """One position of one house number, `written` as the file has it."""

    written: str
    longitude: float
    latitude: float


@dataclass(slots=True)
class _Street:
    name: str
    postcode: str
    city: str
    city_code: str | None
    houses: dict[tuple[int, str], list[_House]] = field(default_factory=dict)


@dataclass(slots=True)
class _Base:
    """The whole file: streets by postcode, then by the canonical spelling of their names."""

    data_date: date
    by_postcode: dict[str, dict[str, list[_Street]]]
    by_name: dict[str, list[_Street]]
    rows: int


class AddressFile:
    """A source of type `address-file`. It asks nobody: it is as quick as memory and never down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: _Base | AddressFileError | None = None
        self._lock = threading.Lock()

    def load(self) -> int:
        """Reads the file, unless that was done, and returns how many addresses it has.

        Raises:
            AddressFileError: with every problem, at most twenty.
        """
        return self._loaded().rows

    def look_up(self, query: Query) -> Places:
        """The houses, else the streets, whose names may be meant, best first; the score is how alike the names are.

        The postcode that was asked for is searched. Where it has no street of just this name, those of other postcodes
        are returned too: the postcode may be wrong and not the name.

        Raises:
            Unreadable: the file can not be used.
        """
        return self.look_up_many([query])[0]

    def look_up_many(self, queries: Sequence[Query]) -> list[Places]:
        """The same for many.

        Raises:
            Unreadable: the file can not be used.
        """
        try:
            base = self._loaded()
        except AddressFileError as error:
            raise Unreadable(str(error).splitlines()[0]) from None
        return [_found(query, base) for query in queries]

    def close(self) -> None:
        """Nothing to give back."""

    def _loaded(self) -> _Base:
        with self._lock:
            if self._base is None:
                try:
                    self._base = _read(self._path)
                except AddressFileError as error:
                    self._base = error  # a large broken file is not read again for each look-up
            if isinstance(self._base, AddressFileError):
                raise AddressFileError(*self._base.args)
            return self._base


def _found(query: Query, base: _Base) -> Places:
    asked = read_answer(query.answer)
    found = _streets(asked, base)
    places = [place for street, alike in found for place in _places(street, asked.number, alike)]
    return Places("address-file", tuple(places), base.data_date)


def _streets(asked: Asked, base: _Base) -> list[tuple[_Street, float]]:
    name = canonical(asked.street)
    if not name:
        return []
    here = base.by_postcode.get(asked.postcode, {})
    exact = here.get(name)
    if exact:
        return [(street, 1.0) for street in exact]
    near = process.extract(
        name, here.keys(), scorer=OSA.normalized_similarity, score_cutoff=FUZZY_CUTOFF, limit=FUZZY_CANDIDATES
    )
    alike = [(street, similarity(asked.street, street.name)) for key, _, _ in near for street in here[key]]
    possible = sorted(((s, likeness) for s, likeness in alike if likeness >= THRESHOLD), key=lambda pair: -pair[1])
    elsewhere = [(street, 1.0) for street in base.by_name.get(name, ())[:FUZZY_CANDIDATES]]
    return [*possible, *elsewhere]


def _places(street: _Street, number: HouseNumber | None, alike: float) -> Iterator[Place]:
    """Every position of the house; the middle of the street's houses where it has none of this number."""
    houses = street.houses.get((number.value, number.repetition), []) if number else []
    level = Level.HOUSENUMBER if houses else Level.STREET
    if not houses:
        of_street = [house for same in street.houses.values() for house in same]
        houses = of_street[len(of_street) // 2 :][:1]
    for house in houses:
        yield Place(
            level=level,
            longitude=house.longitude,
            latitude=house.latitude,
            number=house.written if level is Level.HOUSENUMBER else None,
            street=street.name,
            postcode=street.postcode,
            city=street.city,
            city_code=street.city_code,
            score=alike,
        )


def _read(path: Path) -> _Base:
    """Raises AddressFileError with all problems at once."""
    problems: list[str] = []
    streets: dict[tuple[str, str, str], _Street] = {}
    rows = 0
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
        with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as binary:
            reader = csv.DictReader(io.TextIOWrapper(binary, "utf-8-sig", newline=""), delimiter=";", strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise AddressFileError(
                    f"{path.name}:1: has no column {', '.join(missing)}; "
                    "BAN's format names its columns in the first line, separated by semicolons"
                )
            for row in reader:
                rows += 1
                if rows > MOST_ROWS:
                    raise AddressFileError(f"{path.name}: has more than {MOST_ROWS:,} rows; import it as a register")
                problem = _take(row, streets)
                if problem and len(problems) < SHOWN_PROBLEMS:
                    problems.append(f"{path.name}:{reader.line_num}: {problem}")
    except OSError as error:
        raise AddressFileError(f"{path.name}: can not be read: {error.strerror or 'it is no gzip file'}") from None
    except (EOFError, zlib.error):
        raise AddressFileError(f"{path.name}: the gzip file is cut off or damaged") from None
    except UnicodeDecodeError as error:
        raise AddressFileError(f"{path.name}: after row {rows}: is not UTF-8; {error.reason}") from None
    except csv.Error as error:
        raise AddressFileError(f"{path.name}: after row {rows}: is not CSV: {error}") from None
    if problems:
        raise AddressFileError("\n".join(problems))
    if not streets:
        raise AddressFileError(f"{path.name}: holds no address")
    base = _Base(changed, defaultdict(lambda: defaultdict(list)), defaultdict(list), rows)
    for street in streets.values():
        name = canonical(street.name)
        base.by_postcode[street.postcode][name].append(street)
        base.by_name[name].append(street)
    return base


def _take(row: Mapping[str, str | None], streets: dict[tuple[str, str, str], _Street]) -> str | None:
    """Adds the address in `row` to `streets`; returns what is wrong with it instead."""
    texts = {name: row.get(name) for name in COLUMNS}
    for name, text in texts.items():
        if text is None:
            return f"column {name}: the row ends before it"
        if not text.strip() and name not in {"numero", "rep"}:
            return f"column {name}: is empty"
    numero, rep, name, postcode, city, lon, lat = (str(text).strip() for text in texts.values())
    try:
        longitude, latitude = float(lon), float(lat)
    except ValueError:
        return "column lon or lat: is no number of degrees"
    if not (math.isfinite(longitude) and abs(longitude) <= 180 and math.isfinite(latitude) and abs(latitude) <= 90):
        return "column lon or lat: is no longitude within ±180 and latitude within ±90 degrees"
    city_code = (row.get("code_insee") or "").strip() or None
    street = streets.setdefault((name, postcode, city_code or city), _Street(name, postcode, city, city_code))
    if numero.strip("0"):  # BAN writes 0 for a place without numbers
        if not re.fullmatch(r"[0-9]{1,5}", numero):
            return "column numero: is no house number"
        house = _House(f"{numero}{rep}", longitude, latitude)
        street.houses.setdefault((int(numero), repetition(rep)), []).append(house)
    return None
