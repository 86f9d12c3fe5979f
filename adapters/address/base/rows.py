"""Reads the addresses of a file row by row, in little memory. A bad row is a problem to report, and nothing worse.

A file may have 26 million rows (all of France). It is read once, plain or packed, and up to `SHOWN_PROBLEMS` mistakes
are reported with line and column.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from adapters.address.base.accuracy import accuracy_of
from adapters.address.base.columns import FIELDS, ZONE_FIELDS, Layout, guess_layout, positions, read_header
from adapters.address.house_numbers import read_number, repetition
from adapters.address.languages import fold
from adapters.address.parsed_address import MAX_LETTERS, read_postcode
from adapters.file_lines import PACKED, UNPACKABLE, FileError, Lines, Problems, WrongFile, unchanged
from config.names import NAME_PATTERN, NAMED
from config.regular_files import open_regular

SHOWN_PROBLEMS = 20

MOST_ROWS = 200_000_000
LONGEST_CODE = 16
LONGEST_TITLE = 200
ZONE_NAME = re.compile(NAME_PATTERN)

CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and surrogates, which JSON can have and no database stores."""


class Address(NamedTuple):
    """One row. `number` is None for a street without numbers; `written` is the number as the file has it. `accuracy` is
    by how many metres its position may be wrong, None where the file does not say.
    """

    line: int
    number: int | None
    repetition: str
    written: str
    street: str
    postcode: str
    city: str
    city_code: str | None
    longitude: float
    latitude: float
    zone: str = ""
    title: str = ""
    accuracy: int | None = None
    hamlet: str = ""


_SHOWN = 12
"""Characters of a house number that cannot be read that a message shows."""


class _WrongField(Exception):
    """A field is wrong; `field` is one of `FIELDS`, or "position" for both coordinates."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(what)
        self.field = field


class AddressRows:
    """The addresses of the file at `path`, to be iterated over once. `code` is the language of its numbers.

    `rows` counts the rows read, `unplaced` those without a postcode and city code, `unnumbered` those with an
    unreadable number, `nameless` those without a street, which are skipped; the last three where the format allows it.
    """

    def __init__(self, path: Path, layout: Layout, code: str = "fr", most: int = MOST_ROWS) -> None:
        self._path = path
        self._layout = layout
        self._code = code
        self._most = most
        self._problems = Problems(path.name, SHOWN_PROBLEMS)
        self._place: tuple[Sequence[str], tuple[str, str, str, str | None, str]] = ((), ("", "", "", None, ""))
        self.rows = self.unplaced = self.unnumbered = self.nameless = 0

    def __iter__(self) -> Iterator[Address]:
        """The addresses before the first problem; the rest is only checked. Raises FileError at the end."""
        with self._problems.collect():
            with unchanged(self._path) as raw, closing(Lines(raw, packed=self._path.suffix in PACKED)) as lines:
                yield from self._addresses(lines)
            if not (self._problems or self.rows > self.nameless):
                raise WrongFile(0, "has no address in it")

    def _addresses(self, lines: Lines) -> Iterator[Address]:
        for line, texts in self._texts(lines):
            self.rows += 1
            if self.rows > self._most:
                raise WrongFile(
                    0, f"has more than {self._most:,} rows; import it with `bin/jurat datasets import-addresses`"
                )
            try:
                if isinstance(texts, _WrongField):
                    raise texts
                address = self._address(line, texts)
            except _WrongField as error:
                self._problems.add(line, f"column {self._column(error.field)}: {error}", self.rows)
            else:
                if address is not None and not self._problems:
                    yield address

    def _column(self, field: str) -> str:
        columns = self._layout.columns
        return f"{columns['longitude']} or {columns['latitude']}" if field == "position" else columns.get(field, field)

    # -- from lines to texts

    def _texts(self, lines: Lines) -> Iterator[tuple[int, Sequence[str] | _WrongField]]:
        """For each row its last line and the texts of `FIELDS`, or what is wrong with it as a whole."""
        first = next(lines, "")
        if first.lstrip().startswith("{") and self._layout.kind == "openaddresses":
            for text in chain([first], lines):
                lines.end_row()
                if text.strip():
                    yield lines.number, _feature(text)
            return
        try:
            separator, header = read_header(first, self._layout)
            where = positions(header, self._layout)
        except csv.Error as error:
            raise WrongFile(1, f"is not CSV: {error}") from None
        reader = csv.reader(lines, delimiter=separator, strict=True)
        width = len(header)
        try:
            lines.end_row()
            for row in reader:
                lines.end_row()
                if row:
                    yield lines.number, self._cells(row, where, width)
        except csv.Error as error:
            raise WrongFile(lines.number, f"is not CSV: {error}") from None

    def _cells(self, row: list[str], where: Sequence[int | None], width: int) -> Sequence[str] | _WrongField:
        if len(row) > width and any(row[width:]):
            return _WrongField(f"{width + 1}", f"the first line has {width} columns alone; is a quote missing?")
        try:
            return ["" if index is None else row[index] for index in where]
        except IndexError:
            fields = zip(self._layout.fields, where, strict=True)
            cut = next(field for field, index in fields if index and index >= len(row))
            return _WrongField(cut, "the row ends before it")

    # -- from texts to an address

    def _address(self, line: int, texts: Sequence[str]) -> Address | None:
        """The address of a row; None where it has no street. Raises _WrongField."""
        number, rep, longitude, latitude, exactness = *texts[:2], *texts[7:10]
        place = texts[2:7]
        if place != self._place[0]:  # the rows of a street usually follow each other
            self._place = (place, self._clean_place(*place))
        street, postcode, city, city_code, hamlet = self._place[1]
        if self._layout.lists_zones:
            return self._listed(line, texts)
        x, y = self._degrees(longitude, "longitude"), self._degrees(latitude, "latitude")
        if not (abs(x) <= 180 and abs(y) <= 90):
            raise _WrongField("position", "is no longitude within ±180 and latitude within ±90 degrees")
        if x == 0 == y:
            raise _WrongField("position", "is 0, 0, which is in the sea: it was left empty")
        if not street:
            self.nameless += 1
            return None
        if not (postcode or city_code):
            self.unplaced += 1
        value, suffix, written = self._number(number, rep)
        try:
            accuracy = accuracy_of(exactness)
        except ValueError as error:
            raise _WrongField("accuracy", f"{error}: {exactness[:_SHOWN]!a}") from None
        read = (line, value, suffix, written, street, postcode, city, city_code, x, y)
        return Address(*read, accuracy=accuracy, hamlet=hamlet)

    def _listed(self, line: int, texts: Sequence[str]) -> Address:
        """The address of a row that says in which zone it is."""
        street, postcode, city, city_code, _ = self._place[1]
        if not (city_code or (postcode and city)):
            raise _WrongField("city", "is empty: a listed address needs a postcode and its town, or the town's code")
        zone, title = (
            self._clean(name, text, LONGEST_TITLE) for name, text in zip(ZONE_FIELDS, texts[len(FIELDS) :], strict=True)
        )
        if not ZONE_NAME.fullmatch(zone):
            raise _WrongField("zone", f"is no name of a zone: {zone[:_SHOWN]!a}; {NAMED}")
        if not title.isprintable():
            raise _WrongField("title", "has a character that cannot be printed")
        number, suffix, written = self._number(texts[0], texts[1])
        return Address(line, number, suffix, written, street, postcode, city, city_code, 0.0, 0.0, zone, title)

    def _clean_place(
        self, street: str, postcode: str, city: str, city_code: str, hamlet: str
    ) -> tuple[str, str, str, str | None, str]:
        name, town = self._clean("street", street, MAX_LETTERS), self._clean("city", city, MAX_LETTERS)
        part = self._clean("hamlet", hamlet, MAX_LETTERS)
        folded = fold(name)
        if name and not folded:
            raise _WrongField("street", "has no letter and no digit")
        if len(folded) > MAX_LETTERS:
            raise _WrongField("street", f"is longer than {MAX_LETTERS} characters")
        return (
            name,
            read_postcode(self._clean("postcode", postcode, LONGEST_CODE)),
            town,
            "".join(self._clean("city_code", city_code, LONGEST_CODE).split()).upper() or None,
            "" if fold(part) == fold(town) else part,
        )

    def _clean(self, field: str, text: str, longest: int) -> str:
        text = " ".join(text.split())
        if not text and field in self._layout.columns and field not in self._layout.blank:
            raise _WrongField(field, "is empty")
        if len(text) > longest:
            raise _WrongField(field, f"is longer than {longest} characters")
        if CONTROL.search(text):
            raise _WrongField(field, "has a control character")
        return text

    def _degrees(self, text: str, field: str) -> float:
        if not text.strip():
            raise _WrongField(field, "is empty")
        if self._layout.decimal_comma and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        try:
            degrees = math.nan if "_" in text else float(text)
        except ValueError:
            raise _WrongField("position", "is no number of degrees") from None
        if not math.isfinite(degrees):
            raise _WrongField("position", "is no longitude within ±180 and latitude within ±90 degrees")
        return degrees

    def _number(self, number: str, rep: str) -> tuple[int | None, str, str]:
        """The value of a house number, its repetition, and both as written."""
        digits = number.strip()
        if not digits.strip("0") or digits in self._layout.no_number:
            return None, "", ""
        rep = rep.strip()
        found = _read_number(digits, rep, self._code) if len(digits) + len(rep) <= LONGEST_CODE else None
        if found is None:
            if self._layout.is_street(digits):
                return None, "", ""
            if not self._layout.loose:
                raise _WrongField("number", f"is no house number: {digits[:_SHOWN]!a}; see --without-number")
            self.unnumbered += 1
            return None, "", ""
        return found


@lru_cache(maxsize=1 << 14)
def _read_number(number: str, rep: str, code: str) -> tuple[int, str, str] | None:
    """As `_number`; None where it is not a number. Address bases have repetitions that no language's table has."""
    written = " ".join(f"{number}{rep}".split())
    if CONTROL.search(written):
        return None
    if re.fullmatch(r"[0-9]{1,5}", number):
        return int(number), repetition(rep, code), written
    read = read_number(written, code)
    return (read.value, read.repetition, written) if read else None


def _feature(text: str) -> Sequence[str] | _WrongField:
    """The texts of `FIELDS` of one OpenAddresses feature."""
    try:
        feature = json.loads(text)
        longitude, latitude = feature["geometry"]["coordinates"][:2]
        properties = feature["properties"]
        found = {field: properties.get(field) for field in ("number", "street", "postcode", "city")}
        if not isinstance(feature["geometry"]["coordinates"], list) or feature["geometry"].get("type") != "Point":
            return _WrongField("geometry", "is no Point")
    except RecursionError:
        return _WrongField("geometry", "is nested too deeply")
    except (ValueError, TypeError, KeyError, AttributeError):
        return _WrongField("geometry", "this line is no GeoJSON feature with a Point; one feature a line is expected")
    for field, value in found.items():
        if not isinstance(value, str | int | None) or isinstance(value, bool):
            return _WrongField(field, "is no text")
    if any(not isinstance(value, int | float) or isinstance(value, bool) for value in (longitude, latitude)):
        return _WrongField("position", "is no number of degrees")
    texts = {field: "" if value is None else str(value) for field, value in found.items()}
    texts |= {"longitude": _digits(longitude), "latitude": _digits(latitude)}
    return [texts.get(field, "") for field in FIELDS]


def _digits(number: float) -> str:
    """A number as text; one with too many digits for Python to convert is out of range anyway."""
    return str(number) if abs(number) < 1e9 else "inf"


def layout_of(path: Path) -> Layout:
    """The format of a file, by its first line. Raises FileError where it is unknown."""
    first = ""
    try:
        with open_regular(path) as raw, closing(Lines(raw, packed=path.suffix in PACKED)) as lines:
            first = next(lines, "")
    except WrongFile as error:
        raise FileError(f"{path.name}:{error.line}: {error}") from None
    except (OSError, *UNPACKABLE):
        raise FileError(f"{path.name}: cannot be read, or is not packed as its name says") from None
    layout = guess_layout(first)
    if layout is None:
        raise FileError(
            f"{path.name}:1: is neither in BAN's format nor in that of OpenAddresses; name its columns with --columns"
        )
    return layout
