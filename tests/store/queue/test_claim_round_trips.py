"""A claim of a source that gave something before locks its row before it is known what is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.rules.source_limits import Demand
from tests.store.desk import Desk, entry

LIMITS: Mapping[str, Any] = {"concurrency": 9, "interval": 0.001, "burst": 100}


def test_a_source_that_is_likely_to_have_more_costs_a_round_trip_less(postgresql: Desk) -> None:
    assert postgresql.claim(free=9, **LIMITS) == []
    for number, trips_of_it in enumerate((4, 3, 3)):
        postgresql.submit_many(1, first=number)
        with postgresql.round_trips() as trips:
            (held,) = postgresql.claim(free=9, **LIMITS)
        assert len(trips) == trips_of_it
        postgresql.settle(held)


def test_sources_that_were_not_expected_are_claimed_all_the_same(desk: Desk) -> None:
    """Their rows are locked together with those of the others, in the order that is the same for all workers."""
    demands = [Demand("towns", 9, **LIMITS), Demand("rpps", 9, concurrency=1)]
    desk.submit("p-1")
    assert [check.source for check in desk.take(demands, 9)] == ["towns"]
    desk.submit("p-2")
    for participant in ("p-2", "p-3"):
        desk.submit(participant, "profession")
    held = desk.take(demands, 9)
    assert sorted(check.source for check in held) == ["rpps", "towns"]
    assert desk.take(demands, 9) == []
    desk.write(*(entry(check) for check in held))
    assert [check.source for check in desk.take(demands, 9)] == ["rpps"]


def test_what_is_taken_of_an_expected_source_counts_for_its_concurrency(desk: Desk) -> None:
    desk.submit_many(5)
    for taken in (1, 1, 1, 0):
        assert len(desk.claim(free=1, concurrency=3)) == taken
