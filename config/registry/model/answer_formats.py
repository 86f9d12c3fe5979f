"""How a registry's answer is decoded, before any expression is applied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from config.problems import Part, matching
from config.registry.model.expressions import Expression

ElementPath = Annotated[
    str,
    matching(
        r"[^\s.:@#\[\]]{1,100}(\.[^\s.:@#\[\]]{1,100}){0,30}",
        "is no path to an element — join names by dots, without namespaces: Envelope.Body.person",
    ),
    Field(max_length=500),
]
"""Names of elements from the root down, joined by dots: `Envelope.Body.person`."""


class XmlIn(Part):
    """XML that is a text in what was decoded so far; it replaces the whole.

    `xml_in` is an expression from the root down, without `body`: `Envelope.Body.answer`.
    """

    xml_in: Expression


Delimiter = Annotated[
    str,
    matching(r"[,;|\t]", 'is no delimiter of a table — write ",", ";", "|", or "\\t" for a tab'),
    Field(json_schema_extra={"enum": [",", ";", "|", "\t"]}),
]
"""What separates the values of a table."""


Encoding = Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"]
"""How an answer encodes letters. It is declared: what has another encoding is unreadable."""


class JsonText(Part):
    """How a JSON document is written. RFC 8259 wants UTF-8; some registries have another encoding."""

    encoding: Encoding


class JsonDocument(Part):
    """A JSON document in another encoding than UTF-8."""

    form: JsonText = Field(alias="json")


class CsvTable(Part):
    """How a table is written. Its first line names the columns.

    Its last line must end as the others do, so that a truncated table is noticed. `final_line_end: false` is for
    registries that omit that line end.
    """

    delimiter: Delimiter = ","
    encoding: Encoding = "utf-8"
    final_line_end: bool = True


class Csv(Part):
    """A table as text. It becomes a list of maps."""

    csv: CsvTable


def _kind(value: Any) -> str:
    if isinstance(value, XmlIn) or (isinstance(value, dict) and "xml_in" in value):
        return "embedded"
    if isinstance(value, JsonDocument) or (isinstance(value, dict) and "json" in value):
        return "document"
    return "table" if isinstance(value, Csv | dict) else "named"


Decoder = Annotated[
    Annotated[Literal["json", "xml", "csv"], Tag("named")]
    | Annotated[XmlIn, Tag("embedded")]
    | Annotated[JsonDocument, Tag("document")]
    | Annotated[Csv, Tag("table")],
    Discriminator(_kind),
]
"""One way to read an answer: a word, or a map with its options."""

Decoders = Annotated[
    Annotated[Decoder, Tag("one")] | Annotated[tuple[Decoder, ...], Field(min_length=1, max_length=5), Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list | tuple) else "one"),
]
"""One way to read an answer, or several, one after the other."""
