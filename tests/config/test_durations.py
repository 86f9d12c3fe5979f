from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from config.durations import (
    ByteSize,
    Distance,
    Duration,
    Rate,
    between,
    duration_default,
    duration_text,
    parse_duration,
)

DURATION: TypeAdapter[float] = TypeAdapter(Duration)
DISTANCE: TypeAdapter[float] = TypeAdapter(Distance)
SIZE: TypeAdapter[int] = TypeAdapter(ByteSize)
RATE: TypeAdapter[Rate] = TypeAdapter(Rate)


class Timed(BaseModel):
    timeout: Annotated[Duration, between("100ms", "60s")] = duration_default("10s")
    rate: Rate | None = None
    margin: Distance = 0.0
    size: ByteSize = 0


def message(adapter: TypeAdapter[Any], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8s", 8),
        ("500ms", 0.5),
        ("1h", 3600),
        ("2d", 172_800),
        ("15min", 900),
        ("1.5s", 1.5),
        ("0s", 0),
        ("36500d", 3_153_600_000),
    ],
)
def test_a_duration_becomes_seconds(text: str, seconds: float) -> None:
    assert DURATION.validate_python(text) == seconds


@pytest.mark.parametrize(("text", "metres"), [("20m", 20), ("1.5km", 1500), ("0.5m", 0.5)])
def test_a_distance_becomes_metres(text: str, metres: float) -> None:
    assert DISTANCE.validate_python(text) == metres


@pytest.mark.parametrize(("text", "size"), [("1MiB", 1 << 20), ("512KiB", 512 << 10), ("7B", 7), ("1.5KiB", 1536)])
def test_a_size_becomes_bytes(text: str, size: int) -> None:
    assert SIZE.validate_python(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [("40/s", Rate(40, 1)), ("600/5min", Rate(600, 300)), ("1000/d", Rate(1000, 86_400)), ("1/1.5s", Rate(1, 1.5))],
)
def test_a_rate_is_a_count_and_a_period(text: str, rate: Rate) -> None:
    assert RATE.validate_python(text) == rate
    assert RATE.validate_python(str(rate)) == rate


@pytest.mark.parametrize(
    ("adapter", "value", "said"),
    [
        (DURATION, 8, "a duration needs a number with its unit (ms, s, min, h, d), such as 8s; 8 has none"),
        (DURATION, 0.5, "a duration needs a number with its unit (ms, s, min, h, d), such as 8s; 0.5 has none"),
        (DURATION, True, "a duration needs a number with its unit (ms, s, min, h, d), such as 8s; this value has none"),
        (DURATION, None, "a duration needs a number with its unit (ms, s, min, h, d), such as 8s; this value has none"),
        (DURATION, "8", "a duration is a number with its unit (ms, s, min, h, d) without spaces, such as 8s"),
        (DURATION, "8 s", "a duration is a number with its unit (ms, s, min, h, d) without spaces, such as 8s"),
        (DURATION, "-8s", "a duration is a number with its unit (ms, s, min, h, d) without spaces, such as 8s"),
        (DURATION, "٣s", "a duration is a number with its unit (ms, s, min, h, d) without spaces, such as 8s"),
        (DURATION, "{message}", "a duration is a number with its unit (ms, s, min, h, d) without spaces, such as 8s"),
        (DURATION, "5m", "'m' is not a unit of a duration — did you mean 'min'?"),
        (DURATION, "5M", "'M' is not a unit of a duration — did you mean 'min'?"),
        (DURATION, "2days", "'days' is not a unit of a duration — did you mean 'd'?"),
        (DURATION, "8parsec", "'parsec' is not a unit of a duration — use one of (ms, s, min, h, d)"),
        (DURATION, "0.5ms", "this duration is finer than 1ms"),
        (DURATION, "36501d", "this duration is too large"),
        (DISTANCE, 20, "a distance needs a number with its unit (m, km), such as 20m; 20 has none"),
        (DISTANCE, "20metres", "'metres' is not a unit of a distance — did you mean 'm'?"),
        (SIZE, "1MB", "'MB' is not a unit of a size — did you mean 'MiB'?"),
        (SIZE, "0.5B", "this size is finer than 1B"),
        (RATE, 40, "a rate is a whole number of requests and a period, for example 40/s, 600/5min or 1000/d"),
        (RATE, "0/s", "a rate is a whole number of requests and a period, for example 40/s, 600/5min or 1000/d"),
        (RATE, "0.5/s", "a rate is a whole number of requests and a period, for example 40/s, 600/5min or 1000/d"),
        (RATE, "5/0s", "the period of a rate cannot be zero; write for example 40/s"),
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused_with_what_to_write(adapter: TypeAdapter[Any], value: object, said: str) -> None:
    assert message(adapter, value) == said


def test_bounds_of_a_duration_are_said_with_units() -> None:
    with pytest.raises(ValidationError) as caught:
        Timed.model_validate({"timeout": "2h"})
    assert caught.value.errors()[0]["msg"] == "must be from 100ms to 60s; this is 2h"


def test_the_schema_has_a_pattern_and_the_default_as_it_is_written() -> None:
    timeout = Timed.model_json_schema()["properties"]["timeout"]
    assert timeout["default"] == "10s"
    assert timeout["type"] == "string"
    assert re.search(timeout["pattern"], "500ms")
    assert not re.search(timeout["pattern"], "500")


@given(st.integers(0, 36_500 * 86_400_000))
def test_every_duration_reads_back_from_its_text(milliseconds: int) -> None:
    assert parse_duration(duration_text(milliseconds / 1000)) == milliseconds / 1000


@given(
    st.integers(100, 60_000),
    st.builds(Rate, st.integers(1, 10**9 - 1), st.integers(1, 10**10).map(lambda n: n / 1000)),
    st.integers(0, 10**9),
    st.integers(0, 1 << 40),
)
def test_a_model_with_quantities_reads_back_from_its_json(
    timeout: int, rate: Rate, millimetres: int, size: int
) -> None:
    timed = Timed.model_construct(timeout=timeout / 1000, rate=rate, margin=millimetres / 1000, size=size)
    assert Timed.model_validate_json(timed.model_dump_json()) == timed


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.text())))
def test_no_value_breaks_a_quantity(value: object) -> None:
    adapters: tuple[TypeAdapter[Any], ...] = (DURATION, DISTANCE, SIZE, RATE)
    for adapter in adapters:
        try:
            found = adapter.validate_python(value)
        except ValidationError:
            continue
        assert isinstance(value, str)
        assert adapter.validate_json(adapter.dump_json(found)) == found
