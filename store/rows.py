"""Reads rows into dataclasses: a column is named as its field, and read as the field's type says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from jurat.queries import read_json
from jurat.times import instant, moment

Kind = TypeVar("Kind")

_READ: Mapping[Any, Callable[[Any], Any]] = {
    bool: bool,
    bytes: bytes,
    date: date.fromisoformat,
    datetime: instant,
    datetime | None: moment,
    Mapping[str, Any]: read_json,
    Mapping[str, Any] | None: lambda value: None if value is None else read_json(value),
    Sequence[Mapping[str, Any]]: read_json,
    tuple[str, ...]: lambda value: tuple(read_json(value)),
    tuple[str, ...] | None: lambda value: None if value is None else tuple(read_json(value)),
    UUID: lambda value: UUID(str(value)),
}
"""What reads a type that an engine returns otherwise."""


def columns_of(kind: Any) -> str:
    """The columns that `row_of` expects, for a SELECT."""
    return ", ".join(_readers(kind))


def row_of(kind: type[Kind], row: Sequence[Any]) -> Kind:
    """The dataclass in a row of `columns_of(kind)`."""
    known: Any = kind
    return kind(**{name: read(value) for (name, read), value in zip(_readers(known).items(), row, strict=True)})


@cache
def _readers(kind: Any) -> Mapping[str, Callable[[Any], Any]]:
    types = get_type_hints(kind)
    return {field.name: _READ.get(types[field.name], lambda value: value) for field in fields(kind)}
