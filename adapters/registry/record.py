"""A registry's record: found in an answer, and read as text. Whatever is not as described is `Unreadable`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.base import Unreadable
from adapters.registry.expressions import Expression
from adapters.registry.names import LONGEST, Name
from config.registry.checks import NAMES
from config.registry.rules import Record as RecordModel

_LONGEST_VALUE = 1000
_MOST_VALUES = 1000


class Record:
    """One record: its fields as texts."""

    def __init__(self, fields: Mapping[str, tuple[str, ...]], names: tuple[Name, ...]) -> None:
        self._fields = fields
        self.names = names

    def values(self, field: str) -> tuple[str, ...]:
        """The values of a field; empty where the record has none."""
        return self._fields.get(field, ())


class RecordReader:
    """Finds records in answers, as the description says."""

    def __init__(self, model: RecordModel) -> None:
        self._origin = Expression(model.origin)
        self._fields = {name: Expression(text) for name, text in model.fields.items() if name != NAMES}
        self._names = Expression(model.fields[NAMES]) if NAMES in model.fields else None

    def find(self, answer: Mapping[str, Any]) -> Sequence[Any]:
        """The records in an answer, still as JSON.

        Raises:
            Unreadable: there is no list of records and no record either.
        """
        found = self._origin.of(answer)
        records = found if isinstance(found, list) else [found]
        if not all(isinstance(record, dict) for record in records):
            raise Unreadable("the answer has no record where it is described to stand")
        return records

    def read(self, record: Mapping[str, Any]) -> Record:
        """The fields of a record.

        Raises:
            Unreadable: a field is no text, number or list of them, or names are no list of {family, given}.
        """
        fields = {name: _texts(expression.of(record)) for name, expression in self._fields.items()}
        return Record(fields, () if self._names is None else _names(self._names.of(record)))


def text_of(value: Any) -> str:
    """A JSON scalar as text: numbers without a needless fraction, true and false as JSON has them.

    Registries change between 1 and "1" without notice, so everything is compared as text.
    """
    match value:
        case str():
            text = unicodedata.normalize("NFC", value).strip()
        case bool():
            text = "true" if value else "false"
        case float() if value.is_integer():
            text = str(int(value))
        case int() | float():
            text = str(value)
        case _:
            raise Unreadable("a value in the answer is no text, number or truth value")
    if len(text) > _LONGEST_VALUE:
        raise Unreadable(f"a field of the record has more than {_LONGEST_VALUE} characters")
    return text


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        text = "" if value is None else text_of(value)
        return (text,) if text else ()
    if len(value) > _MOST_VALUES:
        raise Unreadable(f"a field of the record has more than {_MOST_VALUES} values")
    return tuple(text for part in value if part is not None and (text := text_of(part)))


def _names(value: Any) -> tuple[Name, ...]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if len(listed) > _MOST_VALUES:
        raise Unreadable(f"the record has more than {_MOST_VALUES} names")
    names = []
    for part in listed:
        if not isinstance(part, dict) or "family" not in part:
            raise Unreadable("the names of the record are no list of {family, given}")
        name = Name(*(" ".join(_texts(part.get(key))) for key in ("family", "given")))
        if max(len(name.family), len(name.given)) > LONGEST:
            raise Unreadable(f"a name of the record has more than {LONGEST} characters")
        names.append(name)
    return tuple(names)
