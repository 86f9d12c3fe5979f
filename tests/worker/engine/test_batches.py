"""Many checks in one request, from the database to a register on the loopback address that counts for itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.registry.batches import adapter_class
from config.networks import LOOPBACK
from config.registry import RegistrySource
from examples.sources import Mood, Sources
from tests.store.desk import Desk
from tests.tasks.roll import Roll, described, document, number
from tests.worker.engine.test_claimer import Claims, claims_of, make
from tests.worker.engine.works import Steered, Works, free, soon
from worker.engine.claim_plan import share
from worker.engine.in_flight import InFlight

RATE, BURST = 5, 2


@pytest.fixture
def roll() -> Roll:
    return Roll()


@pytest.fixture
def url(roll: Roll) -> Iterator[str]:
    with Sources(services={"roll": roll.answer}) as sources:
        yield sources.url(Mood.OK, "roll")
        assert sources.failures == []


def submit(desk: Desk, count: int, first: int = 0) -> None:
    rows = [
        {"consultation": "budget", "participant": f"p-{n}", "question": "profession", "answer": number(n)}
        for n in range(first, first + count)
    ]
    with desk.engine.begin() as connection:
        desk.client.submit_many(connection, rows)


def asking(works: Works, url: str, *, slots: int = 8, **limits: Any) -> Works:
    """The engine, whose professions are looked up in the roll."""
    works.desk.apply(document(url, **limits))
    model = RegistrySource.model_validate(described(url, **limits))
    works.others["rpps"] = adapter_class(model)(model, secret=str, loopback_http=True, private_networks=LOOPBACK)
    works.configure(slots=slots, only=["rpps"])
    return works


def within_its_rate(roll: Roll) -> bool:
    """Whether in no window of time the roll was asked more often than it allows."""
    at = [when for when, _ in roll.asked]
    return all(
        count <= (end - begin) * RATE + BURST + 1e-6
        for first, begin in enumerate(at)
        for count, end in enumerate(at[first:], 1)
    )


def test_checks_of_a_batch_go_together_at_their_start_and_take_a_slot_for_each_request(works: Works) -> None:
    works.desk.apply(document(most=3))
    works.plans.refresh()
    claimer = make(works, Claims(), InFlight(16))
    works.desk.submit_many(2)
    towns = works.desk.claim()
    for n in range(8):
        works.desk.submit(f"p-{n}", "profession", answer=number(n))
    starts = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 5.0)
    batches = [replace(check, starts_in=start) for check, start in zip(works.desk.claim("rpps"), starts, strict=True)]
    claims_of(claimer).ready = [towns[0], *batches, towns[1]]
    claimer.step()
    lots = [list(claimer._lookups.ready.get_nowait() or ()) for _ in range(4)]
    assert sorted(lots, key=len) == [[towns[0]], [towns[1]], batches[:3], batches[3:6]]
    ((start_at, _, lot),) = claimer._lookups.delay_queue._waiting
    assert list(lot) == batches[6:]
    assert 4.0 < start_at - time.monotonic() <= 5.0
    assert claimer._in_flight.busy() == (5, {"rpps": 3, "towns": 2})
    assert len(claimer._in_flight) == 10
    (demands, slots) = claims_of(claimer).asked[0]
    of_roll = next(demand for demand in demands if demand.source == "rpps")
    assert (of_roll.batch, of_roll.free, slots) == (3, 3 * share(16, 4), 20)


@pytest.mark.slow
def test_two_hundred_checks_are_ten_requests_and_never_more_than_the_rate_allows(
    each_works: Works, roll: Roll, url: str
) -> None:
    submit(each_works.desk, 200)
    asking(each_works, url, rate=f"{RATE}/s").start()
    assert each_works.settles(200)
    assert within_its_rate(roll)
    assert sum(asked for _, asked in roll.asked) == 200
    assert max(asked for _, asked in roll.asked) == 20
    assert len(roll.asked) <= 13, "ten, but for what a busy machine was late for"
    assert each_works.desk.one("SELECT count(*) FROM jurat_attempts WHERE result = 'answered'") == 200
    assert soon(lambda: free(each_works.engine.in_flight) == 8)


@pytest.mark.slow
def test_several_workers_share_the_rate_and_checks_that_come_one_by_one_gather_behind_it(
    works: Works, roll: Roll, url: str
) -> None:
    another = Works(works.desk, Steered())
    try:
        for each in (works, another):
            asking(each, url, rate=f"{RATE}/s").start()
        for n in range(0, 150, 3):
            submit(works.desk, 3, first=n)
            (works, another)[n % 2].engine.wake()
        assert works.settles(150)
    finally:
        another.stop()
    assert within_its_rate(roll)
    assert sum(asked for _, asked in roll.asked) == 150
    assert len(roll.asked) < 50, "as many as were submitted together"


@pytest.mark.slow
def test_a_request_that_fails_for_twenty_is_one_failure(works: Works, roll: Roll, url: str) -> None:
    roll.status = 503
    submit(works.desk, 20)
    asking(works, url, rate="1/s", breaker={"failures": 3}).start()
    failures = "SELECT failures FROM jurat_sources WHERE name = 'rpps'"
    assert soon(lambda: works.desk.one(failures) == 1)
    assert works.desk.one("SELECT count(*) FROM jurat_attempts WHERE result = 'failed'") == 20
    assert works.desk.one("SELECT count(*) FROM jurat_sources WHERE opened_at IS NOT NULL") == 0
    assert len(roll.asked) == 1
    roll.status = 200
    assert works.settles(20)
    assert works.desk.one(failures) == 0


@pytest.mark.slow
def test_a_broken_roll_is_probed_with_one_check_and_goes_on_with_batches(works: Works, roll: Roll, url: str) -> None:
    roll.status = 503
    submit(works.desk, 60)
    asking(works, url, rate="20/s", breaker={"failures": 2, "probe": "200ms"}).start()
    assert soon(lambda: works.desk.one("SELECT count(*) FROM jurat_sources WHERE opened_at IS NOT NULL") == 1)
    broken = len(roll.asked)
    assert soon(lambda: len(roll.asked) > broken + 1)
    assert roll.asked[-1][1] == 1
    roll.status = 200
    assert works.settles(60)
    assert max(asked for _, asked in roll.asked[broken:]) > 1


def test_without_a_rate_all_that_is_due_goes_out_in_batches(works: Works, roll: Roll, url: str) -> None:
    submit(works.desk, 100)
    asking(works, url, slots=3).start()
    assert works.settles(100)
    assert [asked for _, asked in roll.asked] == [20] * 5
