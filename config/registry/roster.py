"""The source of type `roster`: a list of people in a file, which is imported and looked up by number.

The number is stored only as a keyed hash, and of the file's other columns only those that the rules read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from config.durations import Duration, between
from config.limits import Name
from config.problems import Fault, Part, Path, printable, value_error
from config.registry.lint.description import verdict_problems
from config.registry.lint.trials import trial_problems
from config.registry.model.answer_formats import Delimiter
from config.registry.model.expressions import reads_whole, root_keys
from config.registry.model.inputs import Input
from config.registry.model.record import NUMBER, RecordDescription
from config.registry.model.rules import EqualsRule, SentRule
from config.registry.model.source import RecordSource
from config.suggestions import did_you_mean

Encoding = Literal[
    "utf-8",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-7",
    "iso-8859-9",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1257",
]
"""How a file encodes letters. Encodings with two bytes a letter are not supported: save such a file as UTF-8."""

LONGEST_COLUMN: Final = 200


def _check_column(name: str) -> str:
    if 0 < len(name) <= LONGEST_COLUMN and name.isprintable():
        return name
    raise value_error(f"a column is named as in the first line of the file, with at most {LONGEST_COLUMN} characters")


Column = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_check_column),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_COLUMN}),
]
"""A column by its name in the first line of the file."""

FILE: Final = "file"
"""What a test answers: the content of a file as it would be imported, or its rows as JSON."""

HOW_ROWS: Final = 'write each row as a map of texts, all of the same columns: [{ "Ref No": "1" }]'


def are_rows(content: Any) -> bool:
    """Whether a JSON value is a list of rows, each with a text for each of the same columns."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(row, dict) and row.keys() == content[0].keys() for row in content)
        and all(isinstance(text, str) for row in content for text in (*row.keys(), *row.values()))
    )


class RosterFile(Part):
    """How the file is read when it is imported: nothing is guessed.

    `number` is the column that people are looked up by. Of the others, only those in `keep` are stored.
    """

    encoding: Encoding
    delimiter: Delimiter
    number: Column
    keep: tuple[Column, ...] = ()


class Row(RecordDescription):
    """How a person's row is read: as a record whose fields are expressions over the stored columns.

    The field `number` is the file's number and need not be written. `several` is as in other records. A roster without
    the number refuses only with `absent: refused`, for rosters that list everyone.
    """

    origin: ClassVar[str] = "@"  # type: ignore[misc] # the row is the record, wherever others have theirs


class RosterSource(RecordSource):
    """A roster that `datasets import-roster` has stored in the database under the name `dataset`.

    Data older than `max_age`, in seconds, is not used. Each of `tests` has a small roster as `file`: its `text`, the
    name of a `file`, or rows as `json` (also in a file), which are written with the roster's delimiter and encoding.
    """

    type: Literal["roster"]
    dataset: Name
    max_age: Annotated[Duration, between("1d", "3650d")]
    file: RosterFile
    record: Row

    @property
    def number_name(self) -> str:
        return self.number_inputs[0]

    @property
    def number_input(self) -> Input:
        """That input: the numbers of the file are cleaned as it is."""
        return self.inputs[self.number_name]

    @property
    def layout(self) -> str:
        """How the file was processed before it was stored, as JSON text.

        It is stored with the data: if the number were cleaned in another way since then, it would seem to be missing.
        """
        cleaned = self.number_input.model_dump(
            mode="json", exclude={"required", "max_length", "title"}, exclude_defaults=True
        )
        document = {"number": self.file.number, "cleaned": cleaned, "keep": sorted(self.file.keep)}
        return json.dumps(document, sort_keys=True, ensure_ascii=False)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_number(cls, data: Any) -> Any:
        """The number needs no expression: its hash shows that it is the one typed."""
        match data:
            case {"file": {"number": str(column)}, "record": {"fields": dict(fields)}} if NUMBER not in fields:
                return {**data, "record": {**data["record"], "fields": {NUMBER: _quoted(column), **fields}}}
        return data

    def faults(self) -> list[Fault]:
        return [*verdict_problems(self), *_check_number(self), *_check_columns(self), *_check_tests(self)]


def _quoted(column: str) -> str:
    return json.dumps(column.strip(), ensure_ascii=False)


def _check_number(source: RosterSource) -> Iterator[Fault]:
    if source.record.fields.get(NUMBER) != _quoted(source.file.number):
        said = f"is the column '{printable(source.file.number)}', of which only the hash is stored"
        yield ("record", "fields", NUMBER), f"{said} — remove this line"
    first = ""
    for index, rule in enumerate(source.rules):
        if isinstance(rule, SentRule):
            said = "a roster is no request, and each of its rows has a number"
            yield ("rules", index), f"{said} — write check: equals, field: number"
        if isinstance(rule, EqualsRule) and rule.field == NUMBER:
            if first and rule.input != first:
                said = f"the number is already looked up by the input '{first}'"
                yield ("rules", index, "input"), f"{said} — keep one of them"
            first = first or rule.input
    number = source.inputs.get(first)
    for option in ("format_when", "format_after"):
        if number is not None and getattr(number, option) is not None:
            said = "a row of the file has no input but the number"
            yield ("inputs", first, option), f"{said} — remove it"


def _check_columns(source: RosterSource) -> Iterator[Fault]:
    """Every column that is used is kept, and every one that is kept is used."""
    keep = source.file.keep
    used: set[str] = set()
    surely = True
    for name, value in source.record.fields.items():
        if name == NUMBER:
            continue
        path: Path = ("record", "fields", name)
        text = value if isinstance(value, str) else value.value
        if whole := reads_whole(text):
            yield path, "'@' and '*' mean the whole row — name the columns"
        columns = set[str]() if whole else set(root_keys(text))
        for column in sorted(columns):
            if column == source.file.number:
                yield path, f"'{printable(column)}' is the number, of which only the hash is stored — remove it"
            elif column not in keep:
                hint = did_you_mean(column, keep) or "add it there"
                yield path, f"the column '{printable(column)}' is not among file.keep — {hint}"
        surely = surely and not whole and columns <= {*keep}
        used |= columns
    for index, column in enumerate(keep):
        at: Path = ("file", "keep", index)
        if column == source.file.number:
            yield at, "the number is stored only as a keyed hash — remove it here"
        elif column in keep[:index]:
            yield at, "appears twice — remove one"
        elif surely and column not in used:
            yield at, "no field of the record uses this column, so it need not be stored — remove it"


def _check_tests(source: RosterSource) -> Iterator[Fault]:
    yield from trial_problems(source, [FILE])
    for index, test in enumerate(source.tests):
        response = test.responses.get(FILE)
        if response is None:
            continue
        if response.content is not None and not are_rows(response.content):
            yield ("tests", index, "responses", FILE, "json"), f"is no list of rows — {HOW_ROWS}"
        elif response.text is None and response.file is None and response.content is None:
            said = "has no content — give a few lines as text, rows as json, or the name of a file"
            yield ("tests", index, "responses", FILE), said
