from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.hours import Hours
from config.limits import TRAVEL
from tasks.rules.source_limits import (
    AHEAD,
    BULK_SHARE,
    Breaker,
    Demand,
    Queue,
    next_start,
    price,
    raise_lateness,
    standstill,
    standstill_since,
    starts,
    turns,
)

# ------------------------------------------------------------------------------------------------ start times


def demand(interval: float, burst: int = 1, late: float = 0.0, batch: int = 1) -> Demand:
    return Demand("towns", 100, interval=interval, burst=burst, late=late, batch=batch)


def test_a_source_that_rested_gets_its_burst_at_once_but_for_what_may_come_late_and_then_its_rate() -> None:
    offered = starts(0.0, demand(0.25, burst=4, late=0.1), 100)
    assert offered == pytest.approx([0.0, 0.0, 0.0, 0.1 + TRAVEL, 0.35 + TRAVEL, 0.6 + TRAVEL])


def test_checks_that_share_a_request_share_its_start_and_its_price() -> None:
    batches = demand(0.25, burst=2, late=0.0, batch=3)
    first = 0.0, 0.0, 0.0, TRAVEL, TRAVEL, TRAVEL
    assert starts(0.0, batches, 6) == pytest.approx(first)
    assert starts(0.0, batches, 8) == pytest.approx([*first, 0.25 + TRAVEL, 0.25 + TRAVEL])
    assert len(starts(0.0, batches, 100)) == 3 * len(starts(0.0, demand(0.25, burst=2, late=0.0), 100))
    assert [batches.lookups(checks) for checks in (0, 1, 3, 4, 6, 7)] == [0, 1, 1, 2, 2, 3]
    assert price(batches, 7) == pytest.approx(3 * 0.25)
    assert price(batches, 0) == 0.0
    assert starts(0.0, batches, 0) == starts(0.0, batches, -4) == []


def test_what_was_paid_before_moves_all_of_it() -> None:
    assert starts(0.4, demand(0.25), 100) == pytest.approx([0.4, 0.65])
    assert starts(0.5, demand(0.25, burst=3), 3) == pytest.approx([TRAVEL, 0.25 + TRAVEL, 0.5 + TRAVEL])
    assert starts(-9.0, demand(0.25, burst=2), 3) == starts(0.0, demand(0.25, burst=2), 3)


def test_no_start_lies_further_ahead_than_a_worker_may_hold_it() -> None:
    assert max(starts(0.0, demand(0.03), 100)) <= AHEAD
    assert starts(1.5, demand(0.25), 100) == []


def test_the_lateness_that_is_allowed_is_taken_out_of_the_burst_and_so_is_the_time_under_way_where_there_is_room() -> (
    None
):
    assert demand(0.1, burst=5, late=0.2).tolerance == pytest.approx(0.2 - TRAVEL)
    assert demand(0.1, burst=5, late=0.39).tolerance == 0.0
    assert demand(0.1, burst=5, late=0.39).step == 0.1
    assert demand(0.1, burst=1).tolerance == 0.0


def test_where_the_burst_has_no_room_for_it_the_look_ups_keep_a_greater_distance() -> None:
    assert starts(0.0, demand(0.1, burst=1, late=0.02), 3) == pytest.approx([0.0, 0.12, 0.24])


BATCHES = st.sampled_from([1, 1, 2, 20])


@given(st.floats(-5.0, 5.0), st.floats(0.01, 3.0), st.integers(1, 12), st.floats(0.0, 0.5), BATCHES)
def test_the_next_start_is_the_first_that_a_claim_would_get(
    ahead: float, interval: float, burst: int, late: float, batch: int
) -> None:
    wanted = demand(interval, burst, late, batch)
    assert starts(ahead, wanted, 1) == [start for start in [next_start(ahead, wanted)] if start <= AHEAD]


def test_a_worker_that_hardly_knows_the_time_gets_as_much_more_lateness_and_pays_for_it_once() -> None:
    tight = demand(0.1, burst=1, late=0.003)
    unsure = raise_lateness(tight, 0.05)
    assert unsure.late == pytest.approx(0.053)
    assert unsure.raised == pytest.approx(0.05)
    assert starts(0.0, unsure, 3) == pytest.approx([0.0, 0.153, 0.306])
    assert price(unsure, 3) == pytest.approx(3 * 0.153 + 0.05)
    assert price(unsure, 0) == 0.0
    roomy = demand(0.1, burst=5, late=0.2)
    assert raise_lateness(roomy, 0.05) is roomy
    assert price(roomy, 3) == pytest.approx(0.3)


def test_a_source_is_in_doubt_after_half_the_failures_that_break_it() -> None:
    assert [Breaker(failures).doubt for failures in (1, 2, 3, 4, 5, 10)] == [1, 1, 2, 2, 3, 5]


@st.composite
def runs(draw: st.DrawFn) -> tuple[Demand, list[float]]:
    """When one source was really asked, by workers who claimed in any order and came late.

    Checks of a batch have one request: it is made where any of them is left, however many were given back.
    """
    interval = draw(st.floats(0.001, 3.0))
    late = draw(st.floats(0.0, 0.5))
    wanted = demand(interval, draw(st.integers(1, 12)), late, draw(BATCHES))
    travel = min(TRAVEL, max(0.0, (wanted.burst - 1) * interval - late))
    now = ahead = 0.0
    begun: list[float] = []
    for pause, free in draw(st.lists(st.tuples(st.floats(0, 2.5), st.integers(0, 8)), min_size=2, max_size=25)):
        now, ahead = now + pause, max(0.0, ahead - pause)
        claimed = raise_lateness(wanted, draw(st.sampled_from([0.0, 0.0, 0.001, 0.05, 0.4])))
        # Of the last batch there may be fewer checks than it could hold, or than were offered a start.
        taken = starts(ahead, claimed, max(0, free * wanted.batch - draw(st.integers(0, wanted.batch - 1))))
        taken = taken[: draw(st.sampled_from([len(taken), len(taken), len(taken) // 2]))]
        requests = [taken[first] for first in range(0, len(taken), wanted.batch)]
        # Some start late or travel long, each by as much as may be, in whatever order; some are given back.
        shares = st.sampled_from([0.0, 0.0, 0.3, 1.0])
        lateness = (claimed.late * draw(shares) + travel * draw(shares) for _ in requests)
        begun += [now + start + more for start, more in zip(requests, lateness, strict=True) if draw(st.integers(0, 9))]
        ahead += price(claimed, len(taken))
    return wanted, sorted(begun)


@given(runs())
@example((demand(1.0, burst=2), [0.0, 0.0, 1.0]))
def test_however_workers_claim_and_come_late_the_source_never_sees_more_than_it_allows(
    run: tuple[Demand, list[float]],
) -> None:
    """In every window of time no more than what the rate adds in it, and the burst."""
    wanted, begun = run
    assert wanted.interval is not None
    for first, begin in enumerate(begun):
        for count, end in enumerate(begun[first:], 1):
            assert count <= (end - begin) / wanted.interval + wanted.burst + 1e-6


@given(st.floats(0.01, 0.5), st.integers(1, 12), st.floats(0.0, 1.0), BATCHES, st.integers(0, 2**32))
def test_while_work_waits_all_of_the_rate_is_used(
    interval: float, burst: int, share: float, batch: int, seed: int
) -> None:
    """By workers who claim at least each second; but for the distance that lateness asks of a source without bursts."""
    wanted = demand(interval, burst, late=share * (burst - 1) * interval, batch=batch)
    rng, now, ahead, taken = random.Random(seed), 0.0, 0.0, 0
    while now < 60.0:
        got = len(starts(ahead, wanted, 10_000))
        taken, ahead = taken + got, ahead + price(wanted, got)
        pause = rng.uniform(0.0, AHEAD)
        now, ahead = now + pause, max(0.0, ahead - pause)
    assert taken >= now / interval * batch * 0.97


# ------------------------------------------------------------------------------------------------ turns

A, B, C = (Queue("interactive", name) for name in "abc")
BULK = Queue("bulk", "a")


def test_consultations_take_turns_whatever_their_backlogs() -> None:
    assert turns({A: 50_000, B: 1, C: 2}, 6, {}, 0.9) == [A, B, C, A, C, A]


def test_they_go_on_behind_the_one_that_was_served_last() -> None:
    assert turns({A: 9, B: 9, C: 9}, 4, {"interactive": "b"}, 0.9) == [C, A, B, C]
    assert turns({A: 9, C: 9}, 1, {"interactive": "b"}, 0.9) == [C]
    assert turns({A: 9, B: 9}, 1, {"interactive": "c"}, 0.9) == [A]


def test_bulk_goes_behind_all_others_but_for_its_share() -> None:
    taken = turns({A: 100, BULK: 100}, 80, {}, 0.5)
    assert Counter(taken) == {A: 70, BULK: 10}
    assert turns({A: 2, BULK: 100}, 5, {}, 0.9) == [A, A, BULK, BULK, BULK]


def test_bulk_gets_its_share_where_each_claim_takes_one() -> None:
    rng = random.Random(7)
    taken = Counter(turns({A: 9, BULK: 9}, 1, {}, rng.random())[0] for _ in range(4000))
    assert 1 / (BULK_SHARE + 1) < taken[BULK] / 4000 < 1 / (BULK_SHARE - 2)


QUEUES = st.dictionaries(
    st.builds(Queue, st.sampled_from(["interactive", "bulk", "urgent"]), st.sampled_from("abcdef")), st.integers(1, 9)
)


@given(QUEUES, st.integers(0, 40), st.sampled_from("abcdef"), st.floats(0, 0.999))
def test_as_much_is_taken_as_there_is_and_no_consultation_gets_two_more_than_another_that_waits(
    waiting: dict[Queue, int], most: int, after: str, dice: float
) -> None:
    taken = Counter(turns(waiting, most, {"interactive": after, "bulk": after}, dice))
    assert taken.total() == min(most, sum(waiting.values()))
    assert all(count <= waiting[queue] for queue, count in taken.items())
    for queue, due in waiting.items():
        alike = [other for other in waiting if (queue.priority == "bulk") == (other.priority == "bulk")]
        assert taken[queue] == due or taken[queue] >= max(taken[other] for other in alike) - 1


# ------------------------------------------------------------------------------------------------ standing still

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
OFFICE = Hours.parse("UTC", ["mon-fri 08:00-18:00"], [])


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def test_closed_hours_and_pauses_are_counted_once_each_and_together() -> None:
    assert standstill(at(7), at(9), None, []) == 0
    assert standstill(at(7), at(9), OFFICE, []) == 3600
    assert standstill(at(7), at(9), None, [(at(6), at(7.5)), (at(8.5), at(20))]) == 3600
    assert standstill(at(7), at(9), OFFICE, [(at(7.5), at(8.25))]) == 3600 + 900
    assert standstill(at(9), at(7), OFFICE, [(at(7), at(9))]) == 0


def test_a_source_that_works_has_not_stood_still() -> None:
    assert standstill_since(at(9), OFFICE, []) == at(9)
    assert standstill_since(at(9), None, [(at(7), at(8))]) == at(9)


def test_a_standstill_goes_back_over_closed_hours_and_pauses_that_join() -> None:
    assert standstill_since(at(31), OFFICE, []) == at(18)
    assert standstill_since(at(31), OFFICE, [(at(17), at(19))]) == at(17)
    assert standstill_since(at(31), OFFICE, [(at(16), at(17)), (at(17.5), at(18)), (at(30), at(33))]) == at(17.5)
    assert standstill_since(at(9), None, [(at(6), at(9.5))]) == at(6)


SPANS = st.lists(st.integers(0, 4000), max_size=8, unique=True).map(
    lambda edges: [(at(a / 10), at(b / 10)) for a, b in list(pairwise(sorted(edges)))[::2]]
)


@given(st.integers(0, 4000), st.integers(0, 4000), SPANS, st.sampled_from([None, OFFICE]))
def test_standing_still_adds_up_and_began_where_it_did(
    begin: int, end: int, pauses: list[tuple[datetime, datetime]], hours: Hours | None
) -> None:
    first, last = at(min(begin, end) / 10), at(max(begin, end) / 10)
    middle = first + (last - first) / 2
    whole = standstill(first, last, hours, pauses)
    assert whole == pytest.approx(
        standstill(first, middle, hours, pauses) + standstill(middle, last, hours, pauses), abs=1e-3
    )
    assert 0 <= whole <= (last - first).total_seconds()
    since = standstill_since(last, hours, pauses)
    assert standstill(since, last, hours, pauses) == pytest.approx((last - since).total_seconds(), abs=1e-3)
    before = since - timedelta(seconds=60)
    assert standstill(before, since, hours, pauses) < 59.9 or since == last
