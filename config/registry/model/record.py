"""Where the record is in an answer, which of its fields are read, and how its dates are written."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from config.limits import TimeZone
from config.problems import Part, value_error
from config.registry.model.expressions import Expression, names_below
from config.registry.model.parts import PartName, Word

EPOCH_S: Final = "epoch_s"
EPOCH_MS: Final = "epoch_ms"
ISO: Final = "iso"

NAMES: Final = "names"
NUMBER: Final = "number"
STATUS: Final = "status"
"""The fields of a record that rules, holders and lint know by name."""

CARRIED: Final = "set"
"""The key of what earlier steps have set, next to status, headers and body of the last answer."""

_CODE = re.compile(r"%(.?)", re.DOTALL)
_DATE_CODES: Final = frozenset("YymdHMS")


def _check_date_format(form: str) -> str:
    if form in {EPOCH_S, EPOCH_MS, ISO}:
        return form
    codes = _CODE.findall(form)
    if unknown := [code for code in codes if code not in _DATE_CODES]:
        raise value_error(f"'%{unknown[0]}' is no part of a date here — use only %Y, %y, %m, %d, %H, %M and %S")
    if len(codes) != len(set(codes)) or {"Y", "y"} <= set(codes):
        raise value_error("a part of the date appears twice — keep one of them")
    if not {"Y", "y"} & set(codes):
        raise value_error("a date needs its year — write it like %d/%m/%Y, or epoch_s, epoch_ms or iso")
    if "d" in codes and "m" not in codes:
        raise value_error("a day means nothing without its month — add %m")
    return form


DateFormat = Annotated[
    str, AfterValidator(_check_date_format), Field(max_length=60, json_schema_extra={"examples": ["%d/%m/%Y"]})
]
"""How a registry writes a date: `%d/%m/%Y` and the like, `iso` (ISO 8601), `epoch_s` or `epoch_ms`."""


class DateField(Part):
    """A field of the record that is a date. Without a day or month, it stands for all the days that it may be."""

    value: Expression
    date: DateFormat


FieldValue = Annotated[
    Annotated[Expression, Tag("text")] | Annotated[DateField, Tag("dated")],
    Discriminator(lambda value: "dated" if isinstance(value, dict | DateField) else "text"),
]
"""The expression that gives a field its value, for a date with its format."""


class Newest(Part):
    """The record with the latest date in the field `newest` counts."""

    newest: PartName


Several = Annotated[
    Annotated[Literal["one", "all", "any"], Tag("word")] | Annotated[Newest, Tag("newest")],
    Discriminator(lambda value: "newest" if isinstance(value, dict | Newest) else "word"),
]
"""What several records of one number mean together."""


class RecordDescription(Part):
    """Where the record is in the last answer, and what is read from it.

    `from` takes one object, or a list of them, from {status, headers, body, set}, where `set.NAME` is a value that an
    earlier step has set. The field `number` is compared with what the participant typed; `names` is a list of {family,
    given, suffix}. `status` says what the registry's words mean. Write `absent: refused` only if the registry lists
    everyone: then an empty list refuses. `timezone` says when a day begins.

    Several records are ambiguous unless `several` says which count, of those with the typed number: `all` or `any` of
    them must pass the rules, or `{ newest: FIELD }`, the one with the latest date; `one`: there must be no other.
    """

    origin: Expression = Field(alias="from")
    fields: dict[PartName, FieldValue]
    status: dict[PartName, Annotated[tuple[Word, ...], Field(min_length=1)]] = Field(default_factory=dict)
    absent: Literal["undetermined", "refused"] = "undetermined"
    several: Several | None = None
    timezone: TimeZone = "UTC"

    @property
    def several_kind(self) -> Literal["one", "all", "any", "newest"]:
        """How several records of one number are judged; as `one`, they are ambiguous."""
        return "newest" if isinstance(self.several, Newest) else self.several or "one"

    @property
    def expressions(self) -> dict[str, str]:
        return {name: field.value if isinstance(field, DateField) else field for name, field in self.fields.items()}

    @property
    def carried(self) -> set[str]:
        """The values of earlier answers, by the names under which steps `set` them, that are a part of the record."""
        return set(filter(None, names_below(self.origin, CARRIED)))

    @property
    def dates(self) -> dict[str, str]:
        return {name: field.date for name, field in self.fields.items() if isinstance(field, DateField)}
