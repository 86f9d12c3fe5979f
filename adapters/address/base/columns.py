"""Says which column of an address file holds what: in BAN's format, in OpenAddresses', and in a town's own.

BAN: https://adresse.data.gouv.fr/donnees-nationales. OpenAddresses: https://github.com/openaddresses/openaddresses, its
CSV and its GeoJSON with one feature a line. All positions are degrees in WGS 84.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIELDS = ("number", "repetition", "street", "postcode", "city", "city_code", "longitude", "latitude")
"""What is read of a row, in our words."""

SEPARATORS = ";,\t|"


class AddressFileError(ValueError):
    """The file cannot be used; the message has a line for each problem: file, line, column, and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One format. `columns` maps our words to the file's columns, of which those in `optional` may be missing and those
    in `blank` empty. `separators` are tried in turn.

    `loose` says that it is no complete address base: a number that cannot be read is no mistake, but a house that can
    not be found, and nobody knows whether a street's houses are all there. `no_number` is how it writes, beside 0 and
    nothing, that there is none.
    """

    kind: str
    columns: Mapping[str, str]
    separators: str
    optional: frozenset[str] = frozenset()
    blank: frozenset[str] = frozenset({"number", "repetition", "city_code"})
    loose: bool = False
    decimal_comma: bool = False
    no_number: frozenset[str] = frozenset()


BAL_NO_NUMBER = frozenset({"99999"})
"""How French towns write in their Base Adresse Locale that a place has no number; no house has this one."""

BAN = Layout(
    "ban",
    {
        "number": "numero",
        "repetition": "rep",
        "street": "nom_voie",
        "postcode": "code_postal",
        "city": "nom_commune",
        "city_code": "code_insee",
        "longitude": "lon",
        "latitude": "lat",
    },
    ";",
    optional=frozenset({"city_code"}),
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
    optional=frozenset({"postcode", "city"}),
    # A row without a postcode decides nothing, but it shows that there is a street of this name.
    blank=frozenset({"number", "street", "postcode", "city"}),
    loose=True,
)


LOOSE = frozenset({OPENADDRESSES.kind})
"""The kinds of those that are `loose`."""


def own_layout(columns: Mapping[str, str], separator: str | None = None) -> Layout:
    """The layout of a town's own CSV, by the names of its columns. A decimal comma is read as a point there.

    Raises ValueError with what is wrong with `columns` or `separator`.
    """
    if strange := sorted(set(columns) - set(FIELDS)):
        raise ValueError(f"nothing is called {', '.join(strange)}; known are {', '.join(FIELDS)}")
    if missing := [name for name in ("number", "street", "longitude", "latitude") if name not in columns]:
        raise ValueError(f"a column is needed for {', '.join(missing)}")
    for word in ("postcode", "city"):  # the code of the town does for both
        if not columns.keys() & {word, "city_code"}:
            raise ValueError(f"a column is needed for {word} or city_code: without either no address can decide")
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ValueError("a separator is one character, and no quote")
    ordered = {name: columns[name] for name in FIELDS if name in columns}
    blank = {"number", "repetition", "city"} | ({"city_code"} if "postcode" in columns else set())
    return Layout(
        "csv",
        ordered,
        separator or SEPARATORS,
        blank=frozenset(blank),
        decimal_comma=True,
        no_number=BAL_NO_NUMBER,
    )


def guessed(first_line: str) -> Layout | None:
    """The known format that a file with this first line has, None where it is none of them."""
    if first_line.lstrip().startswith("{"):
        return OPENADDRESSES
    for layout in (BAN, OPENADDRESSES):
        named = {name.strip().casefold() for name in first_line.split(layout.separators)}
        needed = {layout.columns[name].casefold() for name in ("number", "street", "longitude", "latitude")}
        if needed <= named:
            return layout
    return None


def read_header(first_line: str, layout: Layout) -> tuple[str, list[str]]:
    """The separator of a CSV file and the names of its columns: the one with which most of those wanted are there."""

    def split(separator: str) -> list[str]:
        return [name.strip() for name in next(csv.reader([first_line], delimiter=separator), [])]

    wanted = {name.casefold() for name in layout.columns.values()}
    separator = max(layout.separators, key=lambda each: len(wanted & {name.casefold() for name in split(each)}))
    return separator, split(separator)


def positions(header: Sequence[str], layout: Layout) -> list[int | None]:
    """Where in a row each of `FIELDS` stands, None for those that the file does not have.

    Raises AddressFileError that says what the header lacks, or has twice.
    """
    folded = [name.casefold() for name in header]
    wanted = [layout.columns.get(field) for field in FIELDS]
    missing = [
        column
        for field, column in zip(FIELDS, wanted, strict=True)
        if column is not None and field not in layout.optional and column.casefold() not in folded
    ]
    if missing:
        raise AddressFileError(f"has no column {', '.join(missing)}; {_advice(layout)}")
    if twice := [column for column in wanted if column is not None and folded.count(column.casefold()) > 1]:
        raise AddressFileError(f"has the column {', '.join(twice)} more than once; rename the other")
    return [
        None if column is None or column.casefold() not in folded else folded.index(column.casefold())
        for column in wanted
    ]


def _advice(layout: Layout) -> str:
    match layout.kind:
        case "ban":
            return "BAN's format names its columns in the first line, separated by semicolons"
        case "openaddresses":
            return "OpenAddresses names its columns in the first line, separated by commas"
    return "the first line must name the columns; name them with --columns, and the separator with --separator"
