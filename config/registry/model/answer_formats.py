"""How a registry's answer is decoded, before any expression is applied."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from config.problems import value_error
from config.registry.model.expressions import Expression
from config.registry.model.parts import Part

_ELEMENTS = re.compile(r"[^\s.:@#\[\]]{1,100}(\.[^\s.:@#\[\]]{1,100}){0,30}")


def _check_elements(path: str) -> str:
    if _ELEMENTS.fullmatch(path):
        return path
    said = "is no way to an element — join names by dots, without their namespaces: Envelope.Body.person"
    raise value_error(said)


ElementPath = Annotated[str, AfterValidator(_check_elements), Field(max_length=500)]
"""Names of elements from the root on, joined by dots: `Envelope.Body.person`."""


class XmlIn(Part):
    """XML that stands as text in what was decoded so far; it takes the place of the whole.

    `xml_in` is an expression from the root on, without `body`: `Envelope.Body.answer`.
    """

    xml_in: Expression


_DELIMITERS = (",", ";", "|", "\t")


def _check_delimiter(text: str) -> str:
    if text in _DELIMITERS:
        return text
    raise value_error('is no delimiter of a table — write ",", ";", "|" or "\\t", a tab')


Delimiter = Annotated[str, AfterValidator(_check_delimiter), Field(json_schema_extra={"enum": list(_DELIMITERS)})]
"""What stands between the values of a table."""


class CsvTable(Part):
    """How a table is written: its first line names the columns.

    Its last line ends as the others do, so that a table that broke off is seen. `final_line_end: false` is for
    registries that leave that end out.
    """

    delimiter: Delimiter = ","
    encoding: Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"] = "utf-8"
    final_line_end: bool = True


class Csv(Part):
    """A table as text, which becomes a list of maps."""

    csv: CsvTable


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "several"
    return "one"


def _kind_of_one(value: Any) -> str:
    if isinstance(value, XmlIn) or (isinstance(value, dict) and "xml_in" in value):
        return "embedded"
    return "table" if isinstance(value, Csv | dict) else "named"


Decoder = Annotated[
    Annotated[Literal["json", "xml", "csv"], Tag("named")]
    | Annotated[XmlIn, Tag("embedded")]
    | Annotated[Csv, Tag("table")],
    Discriminator(_kind_of_one),
]
"""One way to read: a plain word, or a map with what it needs to know."""

Decoders = Annotated[
    Annotated[Decoder, Tag("one")] | Annotated[tuple[Decoder, ...], Field(min_length=1, max_length=5), Tag("several")],
    Discriminator(_kind),
]
"""One way to read, or several one after the other."""
