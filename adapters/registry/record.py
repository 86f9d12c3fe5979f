"""Finds the record in an answer and reads it as text. Anything that is not as described raises `Unreadable`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Unreadable
from adapters.person_names.comparison import Name
from adapters.person_names.letters import LONGEST
from adapters.registry.dates import DateReader, DaySpan
from adapters.registry.expressions import Expression
from config.hours import parse_zone
from config.registry.model.expressions import lists_families
from config.registry.model.record import NAMES, NUMBER, DateField, RecordDescription

_LONGEST_VALUE = 1000
_MOST_VALUES = 1000
_MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its fields as texts, those that are dates as the days that they may be, and its names."""

    fields: Mapping[str, tuple[str, ...]] = field(repr=False)
    names: tuple[Name, ...] = field(default=(), repr=False)
    days: Mapping[str, tuple[DaySpan, ...]] = field(default_factory=dict, repr=False)

    def values(self, field: str) -> tuple[str, ...]:
        """The values of a text field; empty where the record has none."""
        return self.fields.get(field, ())

    def dates(self, field: str) -> tuple[DaySpan, ...]:
        """The values of a date field; empty where the record has none."""
        return self.days.get(field, ())


class RecordReader:
    """Finds records in answers, as the description says."""

    def __init__(self, model: RecordDescription) -> None:
        self._origin = Expression(model.origin)
        zone = parse_zone(model.timezone)
        self._names, self._lists_families = None, False
        self._texts: list[tuple[str, Expression]] = []
        self._dates: list[tuple[str, Expression, DateReader]] = []
        for name, value in model.fields.items():
            if isinstance(value, DateField):
                self._dates.append((name, Expression(value.value), DateReader(value.date, zone)))
            elif name == NAMES:
                self._names, self._lists_families = Expression(value), lists_families(value)
            else:
                self._texts.append((name, Expression(value)))

    def find(self, answer: Mapping[str, Any]) -> Sequence[Any]:
        """The records in an answer, as JSON. Raises Unreadable where it has neither a list of records nor a record."""
        found = self._origin.evaluate(answer)
        records = found if isinstance(found, list) else [found]
        if not all(isinstance(record, dict) for record in records):
            raise Unreadable("the answer has no record at the place that the description names")
        return records

    def numbers(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """The numbers of a record, without its other fields; empty where it has none. Raises Unreadable."""
        return next((_texts(expression.evaluate(record)) for name, expression in self._texts if name == NUMBER), ())

    def read(self, record: Mapping[str, Any]) -> Record:
        """The fields of a record.

        Raises Unreadable where a field is no text, number or list of them, a date is not written as described, or the
        names are no list of {family, given, suffix}, each of one person.
        """
        return Record(
            {name: _texts(expression.evaluate(record)) for name, expression in self._texts},
            () if self._names is None else _names(self._names.evaluate(record), lists_families=self._lists_families),
            {name: tuple(map(dates.read, _texts(each.evaluate(record)))) for name, each, dates in self._dates},
        )


def text_of(value: Any) -> str:
    """A JSON scalar as text: numbers without a needless fraction, true and false as in JSON.

    Everything is compared as text, for registries change between 1 and "1" without notice.
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


def _names(value: Any, *, lists_families: bool) -> tuple[Name, ...]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if len(listed) > _MOST_NAMES:
        raise Unreadable(f"the record has more than {_MOST_NAMES} names")
    names = []
    for part in listed:
        if not isinstance(part, dict) or "family" not in part:
            raise Unreadable("the names of the record are no list of {family, given}")
        family, given = _texts(part["family"]), _texts(part.get("given"))
        if len(family) > 1 and not lists_families:
            # Joined, they could match a typed name that has a part of each of two people.
            raise Unreadable("a name of the record has a list of family names, which may be of several people")
        name = Name(" ".join(family), " ".join(given), " ".join(_texts(part.get("suffix"))))
        if max(map(len, (name.family, name.given, name.suffix))) > LONGEST:
            raise Unreadable(f"a name of the record has more than {LONGEST} characters")
        names.append(name)
    return tuple(names)
