"""Quantities with units, as the configuration writes them: durations, rates, distances and sizes.

A bare number is refused, as `timeout: 30` could be seconds or minutes. Each type parses the text into a plain number
(or a `Rate`), and writes it as the shortest such text when a model becomes JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from config.problems import value_error

_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,3})?"


@dataclass(frozen=True, slots=True, eq=False)  # an annotation has a hash, which its maps have not
class _Measure:
    """One kind of quantity: whole steps, so that text and number convert exactly. It annotates a number in a model.

    `units` has each unit's size in steps, smallest first; `base` is the size of the unit of the resulting number.
    """

    noun: str
    example: str
    examples: tuple[str, ...]
    units: Mapping[str, int]
    base: int
    limit: int
    mistaken: Mapping[str, str]

    @property
    def pattern(self) -> str:
        return f"^{_NUMBER}({'|'.join(self.units)})$"

    def parse(self, text: object) -> float:
        """The number that `text` means. Raises PydanticCustomError with what to write instead."""
        known = f"({', '.join(self.units)})"
        if not isinstance(text, str):
            bare = isinstance(text, int | float) and not isinstance(text, bool)
            shown = text if bare else "this value"
            raise value_error(
                f"a {self.noun} needs a number with its unit {known}, such as {self.example}; {shown} has none"
            )
        parts = re.fullmatch(rf"\s*({_NUMBER})\s*([^\W\d_]{{1,20}})\s*", text)
        if parts and (unit := parts[3]) not in self.units:
            meant = self.mistaken.get(unit, self.mistaken.get(unit.lower()))
            hint = f"did you mean '{meant}'?" if meant else f"use one of {known}"
            raise value_error(f"'{unit}' is not a unit of a {self.noun} — {hint}")
        if not parts or not re.fullmatch(self.pattern, text):
            raise value_error(f"a {self.noun} is a number with its unit {known} without spaces, such as {self.example}")
        steps = Decimal(parts[1]) * self.units[parts[3]]
        if steps != int(steps):
            raise value_error(f"this {self.noun} is finer than 1{next(iter(self.units))}")
        if steps > self.limit:
            raise value_error(f"this {self.noun} is too large")
        return int(steps) / self.base

    def text(self, number: float) -> str:
        """`number` in the largest unit that gives a whole number, else in the smallest unit."""
        steps = round(number * self.base)
        whole = [unit for unit, size in self.units.items() if steps % size == 0]
        unit = whole[-1] if whole else next(iter(self.units))
        return f"{Decimal(steps) / self.units[unit]:f}{unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self.parse,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self.text, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern, "examples": list(self.examples)}


def _mistaken(**units: str) -> dict[str, str]:
    """What people write for a unit, and the unit that they mean."""
    return {word: unit for unit, words in units.items() for word in words.split()}


_DAY = 86_400_000
_DURATION: Final = _Measure(
    noun="duration",
    example="8s",
    examples=("500ms", "8s", "15min", "1h", "2d"),
    units={"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": _DAY},
    base=1000,
    limit=36_500 * _DAY,
    mistaken=_mistaken(
        ms="msec", s="sec secs second seconds", min="m mn mins minute minutes", h="hr hrs hour hours", d="day days j"
    ),
)
_DISTANCE: Final = _Measure(
    noun="distance",
    example="20m",
    examples=("20m", "1.5km"),
    units={"m": 1000, "km": 1_000_000},
    base=1000,
    limit=1_000_000_000,
    mistaken=_mistaken(m="mt meter meters metre metres", km="kms kilometer kilometers kilometre kilometres"),
)
_SIZE: Final = _Measure(
    noun="size",
    example="1MiB",
    examples=("512KiB", "1MiB"),
    units={"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
    base=1,
    limit=1 << 40,
    mistaken=_mistaken(B="b byte bytes", KiB="k kb kib", MiB="m mb mib", GiB="g gb gib"),
)


Duration = Annotated[float, _DURATION]
"""Seconds as a float, from "500ms", "8s", "15min", "1h" or "2d"."""

Distance = Annotated[float, _DISTANCE]
"""Metres as a float, from "20m" or "1.5km"."""

ByteSize = Annotated[int, _SIZE]
"""Bytes as an int, from "512KiB" or "1MiB"."""


def parse_duration(text: str) -> float:
    """The seconds of a text such as "8s". Raises ValueError with a sentence."""
    return _DURATION.parse(text)


def duration_text(seconds: float) -> str:
    """The shortest text of a duration in seconds, to the millisecond: 5400.0 gives "90min"."""
    return _DURATION.text(seconds)


def between(lower: str, upper: str) -> AfterValidator:
    """An annotation that keeps a `Duration` within two others, both included."""
    least, most = parse_duration(lower), parse_duration(upper)

    def check(seconds: float) -> float:
        if not least <= seconds <= most:
            raise value_error(f"must be from {lower} to {upper}; this is {duration_text(seconds)}")
        return seconds

    return AfterValidator(check)


def at_most(largest: str) -> AfterValidator:
    """An annotation that limits a `ByteSize`."""
    most = _SIZE.parse(largest)

    def check(size: int) -> int:
        if size > most:
            raise value_error(f"must be at most {largest}; this is {_SIZE.text(size)}")
        return size

    return AfterValidator(check)


_RATE_PATTERN = rf"^[1-9][0-9]{{0,8}}/({_NUMBER})?({'|'.join(_DURATION.units)})$"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` requests in any `period_s` seconds, from "40/s", "600/5min" or "1000/d"."""

    count: int
    period_s: float

    @classmethod
    def parse(cls, text: object) -> Self:
        """The rate of a text such as "600/5min". Raises ValueError with a sentence."""
        parts = re.fullmatch(_RATE_PATTERN, text) if isinstance(text, str) else None
        if parts is None:
            raise value_error("a rate is a whole number of requests and a period, for example 40/s, 600/5min or 1000/d")
        period = parts[0].partition("/")[2]
        period_s = parse_duration(period if period[0].isdigit() else f"1{period}")
        if not period_s:
            raise value_error("the period of a rate cannot be zero; write for example 40/s")
        return cls(int(parts[0].partition("/")[0]), period_s)

    def __str__(self) -> str:
        period = duration_text(self.period_s)
        return f"{self.count}/{period[1:] if re.fullmatch('1[a-z]+', period) else period}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(value),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": _RATE_PATTERN, "examples": ["40/s", "600/5min", "1000/d"]}


def duration_default(text: str) -> Any:
    """The default of a `Duration` field, as the text that editors show."""
    return Field(default=parse_duration(text), json_schema_extra={"default": text})
