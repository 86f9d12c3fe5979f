"""Defines the columns of address files: in BAN's format, in OpenAddresses', and in a town's own.

BAN: https://adresse.data.gouv.fr/donnees-nationales. OpenAddresses: https://github.com/openaddresses/openaddresses, its
CSV and its GeoJSON with one feature a line. All positions are degrees in WGS 84.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.address.languages import fold
from adapters.file_lines import WrongFile

UNPLACED = ("number", "repetition", "street", "postcode", "city", "city_code")
"""The fields of an address without a position, in a list."""

FIELDS = (*UNPLACED, "hamlet", "longitude", "latitude", "accuracy")
"""The fields that are read of a row."""

ZONE_FIELDS = ("zone", "title")
"""Those of a list of addresses that is a zone: its name, and its title for people."""

SEPARATORS = ";,\t|"

RANGES = "ranges"
JOINED = re.compile(r"\d+ ?[a-zA-Z]?( ?[-/] ?\d+ ?[a-zA-Z]?)+")


@dataclass(frozen=True, slots=True)
class Layout:
    """One format. `columns` maps `FIELDS` to the file's columns, of which those in `optional` may be missing and those
    in `blank` empty. `separators` are tried in turn.

    A `loose` format is no complete address base: an unreadable number is no mistake but a house that is not found, and
    a street may have more houses. `no_number` are its values, besides 0 and "", for a place without a number. `advice`
    is for someone whose file lacks a column. `streets` are the letters of further such values ("sn", "km"), with
    `RANGES` all that joins two numbers as no house does.
    """

    kind: str
    columns: Mapping[str, str]
    separators: str
    advice: str
    optional: frozenset[str] = frozenset()
    blank: frozenset[str] = frozenset({"number", "repetition", "city_code", "hamlet"})
    loose: bool = False
    decimal_comma: bool = False
    no_number: frozenset[str] = frozenset()
    streets: frozenset[str] = frozenset()

    def is_street(self, number: str) -> bool:
        """Whether a number that cannot be read stands for none: its row then shows no more than that the street is
        there.
        """
        joined = RANGES in self.streets and JOINED.fullmatch(number) is not None
        return joined or "".join(filter(str.isalpha, fold(number))) in self.streets

    def with_streets(self, values: Iterable[str]) -> Layout:
        """The same layout with these values as `streets`. Raises ValueError for one without letters."""
        words = frozenset("".join(filter(str.isalpha, fold(value))) for value in values)
        if "" in words:
            raise ValueError("a value that stands for no number has letters, such as SN; `ranges` are those as 12-26")
        return replace(self, streets=words)

    @property
    def fields(self) -> Sequence[str]:
        """The fields of a row in the order in which they are read."""
        return (*FIELDS, *ZONE_FIELDS) if self.lists_zones else FIELDS

    @property
    def lists_zones(self) -> bool:
        """Whether a row says in which zone its address is; then it has no position."""
        return "zone" in self.columns


BAL_NO_NUMBER = frozenset({"99999"})
"""The number that French towns give in their Base Adresse Locale to a place without one; no house has it."""

BAN = Layout(
    "ban",
    {
        "number": "numero",
        "repetition": "rep",
        "street": "nom_voie",
        "postcode": "code_postal",
        "city": "nom_commune",
        "city_code": "code_insee",
        "hamlet": "nom_ancienne_commune",
        "longitude": "lon",
        "latitude": "lat",
        "accuracy": "type_position",
    },
    ";",
    "BAN's format names its columns in the first line, separated by semicolons",
    optional=frozenset({"city_code", "hamlet", "accuracy"}),
    no_number=BAL_NO_NUMBER,
)

OPENADDRESSES = Layout(
    "openaddresses",
    {
        "number": "NUMBER",
        "street": "STREET",
        "postcode": "POSTCODE",
        "city": "CITY",
        "longitude": "LON",
        "latitude": "LAT",
    },
    ",",
    "OpenAddresses names its columns in the first line, separated by commas",
    optional=frozenset({"postcode", "city"}),
    # A row without a postcode decides nothing, but shows that there is a street with this name.
    blank=frozenset({"number", "street", "postcode", "city"}),
    loose=True,
)

LOOSE = frozenset({OPENADDRESSES.kind})
"""The kinds of the `loose` formats."""


def own_layout(columns: Mapping[str, str], separator: str | None = None, *, placed: bool = True) -> Layout:
    """The layout of a town's own CSV, by the names of its columns; it may have decimal commas, and, unless it is
    `placed`, no positions.

    Raises ValueError with what is wrong with `columns` or `separator`.
    """
    if unknown := sorted(set(columns) - set(FIELDS)):
        raise ValueError(f"there is no field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
    needed = ("number", "street", "longitude", "latitude")[: 4 if placed else 2]
    if missing := [name for name in needed if name not in columns]:
        raise ValueError(f"a column is needed for {', '.join(missing)}")
    for word in ("postcode", "city"):  # the code of the town can replace both
        if not columns.keys() & {word, "city_code"}:
            raise ValueError(f"a column is needed for {word} or city_code: without either no address can be decided")
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ValueError("a separator is one character, and not a quote")
    ordered = {name: columns[name] for name in FIELDS if name in columns}
    blank = {"number", "repetition", "city", "hamlet"} | ({"city_code"} if "postcode" in columns else set())
    return Layout(
        "csv",
        ordered,
        separator or SEPARATORS,
        "the first line must name the columns; name them with --columns, and the separator with --separator",
        blank=frozenset(blank),
        decimal_comma=True,
        no_number=BAL_NO_NUMBER,
    )


def zone_layout(layout: Layout, zone: str, title: str) -> Layout:
    """The layout of a list of addresses that are zones, in a format for address bases: with the columns of a zone's
    name and title, and without positions. A house that cannot be read would be missing, so it is a mistake.
    """
    columns = {name: column for name, column in layout.columns.items() if name in UNPLACED}
    return replace(
        layout,
        kind="list",
        columns=columns | {"zone": zone, "title": title},
        optional=layout.optional | {"title"},
        blank=layout.blank - {"street"} | {"postcode", "city", "city_code", "title"},
        loose=False,
    )


def guess_layout(first_line: str) -> Layout | None:
    """The known format of a file with this first line; None where it has another."""
    if first_line.lstrip().startswith("{"):
        return OPENADDRESSES
    for layout in (BAN, OPENADDRESSES):
        named = {name.strip().casefold() for name in first_line.split(layout.separators)}
        needed = {layout.columns[name].casefold() for name in ("number", "street", "longitude", "latitude")}
        if needed <= named:
            return layout
    return None


def read_header(first_line: str, layout: Layout) -> tuple[str, list[str]]:
    """The separator of a CSV file, with which it has the most of the wanted columns, and the names of its columns."""

    def split(separator: str) -> list[str]:
        return [name.strip() for name in next(csv.reader([first_line], delimiter=separator), [])]

    wanted = {name.casefold() for name in layout.columns.values()}
    separator = max(layout.separators, key=lambda each: len(wanted & {name.casefold() for name in split(each)}))
    return separator, split(separator)


def positions(header: Sequence[str], layout: Layout) -> list[int | None]:
    """The position of each of `FIELDS` in a row, None for those that the file does not have.

    Raises WrongFile where the header lacks a column, or has one twice.
    """
    folded = [name.casefold() for name in header]
    wanted = [layout.columns.get(field) for field in layout.fields]
    missing = [
        column
        for field, column in zip(layout.fields, wanted, strict=True)
        if column is not None and field not in layout.optional and column.casefold() not in folded
    ]
    if missing:
        raise WrongFile(1, f"has no column {', '.join(missing)}; {layout.advice}")
    if twice := [column for column in wanted if column is not None and folded.count(column.casefold()) > 1]:
        raise WrongFile(1, f"has the column {', '.join(twice)} more than once; rename the other")
    indices = {name: index for index, name in enumerate(folded)}
    return [None if column is None else indices.get(column.casefold()) for column in wanted]
