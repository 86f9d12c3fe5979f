"""Reads real address lists of towns in other countries, as `sets.toml` describes them, and writes them as a base."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel
from shapely.geometry import shape

from bench.addresses.queries import Row

SETS = Path(__file__).with_name("sets.toml")
COLUMNS = (
    "numero",
    "rep",
    "nom_voie",
    "code_postal",
    "nom_commune",
    "code_insee",
    "nom_ancienne_commune",
    "lon",
    "lat",
)

_NUMBER = re.compile(r"0*([1-9]\d{0,4})[ /-]?([A-Za-z]{1,2}\d?)?")
"""A number and its suffix. A range ("12-14") and "S/N" are none, and their rows are left out."""


class AddressSet(BaseModel, extra="forbid", frozen=True):
    """One list. `sets.toml` says what the fields mean."""

    language: str
    repository: str
    commit: str
    licence: str
    files: tuple[str, ...]
    number: str
    street: str
    postcode: str
    city: str
    hamlet: str = ""
    longitude: str
    latitude: str
    only: dict[str, tuple[str, ...]] = {}
    text: str = ""
    pattern: str = ""
    crs: str = ""
    last: bool = False

    def paths(self, folder: Path) -> list[Path]:
        """The files that are there, under `folder`, as they can be read."""
        root = folder / self.repository
        names = (name.removesuffix(".zst").replace(".osm.pbf", ".geojson") for name in self.files)
        return sorted(path for name in names for path in root.glob(name))

    def rows(self, folder: Path) -> tuple[list[Row], int]:
        """The addresses with a house number and a position, each once, and how many rows lack one that can be read."""
        kept: dict[Row, None] = {}
        left_out = 0
        for record in self._records(folder):
            row = self._row(record)
            if row is None:
                left_out += 1
            else:
                kept[row] = None
        return self._in_degrees(list(kept)), left_out

    def _records(self, folder: Path) -> Iterator[dict[str, str]]:
        for path in self.paths(folder):
            for record in _records(path):
                if all(record[column] in values for column, values in self.only.items()):
                    yield record

    def _row(self, record: dict[str, str]) -> Row | None:
        if self.pattern:
            found = re.fullmatch(self.pattern, self.text.format_map(record))
            if found is None:
                return None
            record = record | found.groupdict()
        templates = (self.number, self.street, self.postcode, self.city, self.longitude, self.latitude)
        written, *texts = (" ".join(each.format_map(record).split()) for each in templates)
        number = _NUMBER.fullmatch(written)
        if number is None or not all(texts):
            return None
        street, postcode, city, longitude, latitude = texts
        house, part = " ".join(filter(None, number.groups())), " ".join(self.hamlet.format_map(record).split())
        hamlet = "" if part == city else part
        return Row(house, street, postcode, city, float(longitude), float(latitude), hamlet=hamlet)

    def _in_degrees(self, rows: list[Row]) -> list[Row]:
        if not self.crs:
            return rows
        import pyproj  # noqa: PLC0415 - an extra, and only lists in another system need it

        turn = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        degrees = (turn.transform(*row.point) for row in rows)
        return [replace(row, longitude=x, latitude=y) for row, (x, y) in zip(rows, degrees, strict=True)]


def read_sets() -> dict[str, AddressSet]:
    """The sets by name."""
    return {name: AddressSet(**fields) for name, fields in tomllib.loads(SETS.read_text("utf-8")).items()}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """The addresses as an address base in BAN's CSV format."""
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=";")
        writer.writerow(COLUMNS)
        for row in rows:
            value, _, repetition = row.number.partition(" ")
            position = (f"{row.longitude:.7f}", f"{row.latitude:.7f}")
            writer.writerow((value, repetition, row.street, row.postcode, row.city, row.code, row.hamlet, *position))


def _records(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, plain or gzip, or the features of a GeoJSON file, as texts."""
    if path.suffix == ".geojson":
        for feature in json.loads(path.read_text("utf-8-sig"))["features"]:
            middle = shape(feature["geometry"]).centroid
            fields = {**feature["properties"], "x": middle.x, "y": middle.y}
            # A feature leaves out what it does not have.
            yield defaultdict(
                str, {name.replace(":", "_"): str(value) for name, value in fields.items() if value is not None}
            )
        return
    with (
        gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as file
    ):
        first = file.readline()
        separator = max(";,|\t", key=first.count)
        names = next(csv.reader([first], delimiter=separator))
        yield from csv.DictReader(file, names, delimiter=separator, restval="")
