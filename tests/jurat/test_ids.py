from __future__ import annotations

import time
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from jurat.ids import uuid7

TIMES = st.integers(min_value=0, max_value=(1 << 48) - 1)


@given(TIMES)
def test_an_id_is_a_uuid_of_version_7_that_begins_with_its_time(now_ms: int) -> None:
    made = uuid7(now_ms)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == now_ms


@given(TIMES, TIMES)
def test_ids_sort_as_their_times_do_also_as_text(one: int, other: int) -> None:
    if one != other:
        assert (uuid7(one) < uuid7(other)) == (one < other) == (str(uuid7(one)) < str(uuid7(other)))


def test_the_clock_is_unix_time_in_milliseconds() -> None:
    before, made, after = time.time(), uuid7(), time.time()
    assert int(before * 1000) <= made.int >> 80 <= int(after * 1000)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7(0) for _ in range(10_000)}) == 10_000
