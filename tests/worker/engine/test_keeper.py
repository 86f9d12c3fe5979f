from __future__ import annotations

import time

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from structlog.testing import capture_logs

from store.queue.leases import LEASE
from store.upkeep.schedule import EVERY
from tasks.checks import ClaimedCheck
from tests.store.desk import REFUSED, entry, ids, listening
from tests.store.refusals import refusing
from tests.worker.engine.works import PATIENCE, Works
from worker.engine.in_flight import HANGING, TRUSTED, InFlight
from worker.engine.keeper import Keeper, Renewer
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue


def test_the_renewer_prolongs_what_is_held_in_one_statement_each_third_of_a_lease(works: Works) -> None:
    works.plans.refresh()
    works.desk.submit_many(3)
    held = works.desk.claim()
    in_flight = InFlight(3)
    in_flight.add(held)
    renewer = Renewer(works.desk.claims, in_flight, works.plans.longest)
    assert 0 < renewer._next - time.monotonic() <= LEASE / 3
    works.desk.set_back("lease_until", -4)
    renewer._next = 0.0
    with works.desk.statements() as seen:
        renewer.step()
    assert len(seen) == 1
    assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE lease_until > NOW(10)") == 3
    assert 0 < renewer._next - time.monotonic() <= LEASE / 3


def test_a_renewal_is_trusted_from_before_its_statement_was_sent(works: Works) -> None:
    works.plans.refresh()
    in_flight = InFlight(3)
    check = works.desk.held()
    in_flight.add([check], asked=0.0)
    renewer = Renewer(works.desk.claims, in_flight, works.plans.longest)
    renewer._next = 0.0
    sent: list[float] = []
    with listening(works.desk.engine, "before_cursor_execute", lambda *_: sent.append(time.monotonic())):
        begun = time.monotonic()
        renewer.step()
    assert begun <= in_flight._all[check.id, check.fence].trusted_until - TRUSTED <= sent[0]


def test_the_lease_of_a_look_up_that_hangs_is_let_go(works: Works) -> None:
    works.plans.refresh()
    held = works.desk.held()
    now = [0.0]
    in_flight = InFlight(3, clock=lambda: now[0])
    in_flight.add([held])
    in_flight.start([held])
    renewer = Renewer(works.desk.claims, in_flight, works.plans.longest)
    for elapsed, renewed in ((10.0 + HANGING - 0.1, True), (10.0 + HANGING + 0.1, False)):
        works.desk.set_back("lease_until", -4)
        now[0], renewer._next = elapsed, 0.0
        renewer.step()
        assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE lease_until > NOW(10)") == renewed


def test_what_cannot_be_written_for_now_keeps_its_lease_for_longer_than_the_others(works: Works) -> None:
    works.plans.refresh()
    works.desk.submit_many(2)
    apart, other = works.desk.claim()
    holdings = InFlight(3)
    holdings.add([apart, other])
    holdings.mark_looked_up([apart])
    holdings.put_apart([apart])
    renewer = Renewer(works.desk.claims, holdings, works.plans.longest)
    renewer._next = 0.0
    renewer.step()
    leased = "SELECT count(*) FROM jurat_checks WHERE id = :id AND lease_until"
    assert works.desk.one(f"{leased} > NOW({LEASE})", id=works.desk.id(apart.id)) == 1
    assert works.desk.one(f"{leased} <= NOW({LEASE})", id=works.desk.id(other.id)) == 1


def test_a_lost_lease_is_said(works: Works) -> None:
    works.plans.refresh()
    in_flight = InFlight(3)
    in_flight.add([works.desk.held()])
    works.desk.sql("UPDATE jurat_checks SET fence = fence + 1")
    renewer = Renewer(works.desk.claims, in_flight, works.plans.longest)
    renewer._next = 0.0
    with capture_logs() as logs:
        renewer.step()
    assert [line["event"] for line in logs] == ["lease not renewed"]


def keeper(works: Works, in_flight: InFlight, accepted: list[ClaimedCheck]) -> Keeper:
    desk = works.desk
    lookups = LookupQueue(in_flight, LocalBreaker(works.plans.breaker))
    lookups.accept = accepted.extend  # type: ignore[method-assign,assignment]
    made = Keeper(desk.upkeep, desk.claims, works.plans, lookups, works.engine._reporter, works.engine._wakes)
    made.stopping.wait = lambda timeout=None: False  # type: ignore[method-assign] # no second between the steps
    return made


def test_one_keeper_of_several_does_each_piece_of_upkeep(works: Works) -> None:
    works.desk.submit_many(3)
    works.desk.claim(free=2)
    works.desk.set_back("lease_until", 1)
    accepted: list[ClaimedCheck] = []
    for _ in range(3):
        keeper(works, InFlight(3), accepted).step()
    assert works.desk.one("SELECT sum(lost_leases) FROM jurat_checks") == 2
    assert works.desk.one("SELECT count(*) FROM jurat_upkeep") == len(EVERY)
    assert works.desk.one("SELECT waiting FROM jurat_sources WHERE name = 'towns'") == 3


def test_overdue_checks_are_taken_only_while_there_is_room_and_a_configuration(works: Works) -> None:
    works.desk.submit_many(5)
    works.desk.set_back("deadline_at", 1)
    accepted: list[ClaimedCheck] = []
    each = keeper(works, InFlight(3), accepted)
    each._end_overdue()
    assert accepted == [], "no plan is there"
    works.plans.refresh()
    crowded = InFlight(0)
    crowded.add(ClaimedCheck(works.desk.submit(f"x-{n}").id, 1, "", "", "", "", b"", "", 0, 0, 0.0) for n in range(100))
    keeper(works, crowded, accepted)._end_overdue()
    assert accepted == []
    each._end_overdue()
    assert len(ids(accepted)) == 5


def test_what_was_put_apart_takes_no_room_from_overdue_checks(works: Works) -> None:
    works.plans.refresh()
    busy = [ClaimedCheck(works.desk.submit(f"x-{n}").id, 1, "", "", "", "", b"", "", 0, 0, 0.0) for n in range(100)]
    works.desk.set_back("deadline_at", 1)
    in_flight, accepted = InFlight(0), list[ClaimedCheck]()
    in_flight.add(busy)
    in_flight.mark_looked_up(busy)
    in_flight.put_apart(busy)
    keeper(works, in_flight, accepted)._end_overdue()
    assert len(accepted) == 100


def test_a_piece_of_upkeep_that_fails_takes_no_turn_from_the_others(works: Works) -> None:
    works.desk.submit_many(3)
    each = keeper(works, InFlight(3), [])
    done: list[str] = []

    def fail() -> None:
        done.append("leases")
        raise OSError("the disk")

    each._jobs = {**{task: lambda task=task: done.append(task) for task in EVERY}, "leases": fail}  # type: ignore[misc]
    works.desk.claim(free=1)
    works.desk.set_back("lease_until", 1, "state = 'leased'")
    with pytest.raises(OSError, match="the disk"):
        each.step()
    assert done == ["leases", "figures", "purge"], "what had work, in its order"


def purged(works: Works, count: int) -> None:
    """So many checks are there, settled and past their time."""
    works.desk.submit_many(count)
    held = works.desk.claim(free=count, slots=count)
    works.desk.write(*(entry(each, REFUSED, retain=-1.0) for each in held))


def test_a_keeper_purges_until_nothing_is_left_and_does_other_upkeep_on_the_way(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.upkeep.purge.BATCH", 1)
    monkeypatch.setattr("worker.engine.keeper.LOOK_EVERY", 0.0001)  # a piece in each step
    purged(works, 9)
    each = keeper(works, InFlight(3), [])
    left: list[int] = []
    while not left or left[-1]:
        works.desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5) WHERE task <> 'purge'")
        works.desk.submit_many(1, first=100 + len(left))
        each.step()
        left.append(works.desk.one("SELECT count(*) FROM jurat_verdicts"))
        assert works.desk.one("SELECT waiting FROM jurat_sources WHERE name = 'towns'") == len(left)
        assert len(left) < 100
    assert len(left) > 3, "in pieces"
    while each._purge is not None:
        each.step()


def test_a_keeper_that_is_told_to_end_purges_no_further(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.upkeep.purge.BATCH", 1)
    purged(works, 5)
    each = keeper(works, InFlight(3), [])
    waited: list[float] = []

    def rest(seconds: float = 0.0) -> bool:
        waited.append(seconds)
        each.stopping.set()
        return True

    each.stopping.wait = rest  # type: ignore[method-assign,assignment] # a test stops it in the first rest
    each.step()
    assert works.desk.one("SELECT count(*) FROM jurat_verdicts") == 4
    assert waited[0] > 0


def is_purging(keeper: Keeper) -> bool:
    return keeper._purge is not None


def test_a_purge_that_fails_waits_for_its_next_turn_and_goes_on_after_an_outage(works: Works) -> None:
    class Broken:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> int:
            raise self.error

    each = keeper(works, InFlight(3), [])
    each._purge = Broken(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        each._purge_until(time.monotonic() + PATIENCE)
    assert not is_purging(each)
    purged(works, 3)
    each._purge = Broken(OperationalError("SELECT 1", {}, Exception("it is away")))
    with pytest.raises(OperationalError):
        each._purge_until(time.monotonic() + PATIENCE)
    assert is_purging(each)
    each._purge_until(time.monotonic() + PATIENCE)
    assert works.desk.one("SELECT count(*) FROM jurat_verdicts") == 0


def test_a_worker_that_lives_for_a_moment_has_done_its_upkeep(works: Works) -> None:
    short_lived = keeper(works, InFlight(3), [])
    short_lived.stopping.wait = lambda timeout=None: True  # type: ignore[method-assign] # it ends at its first wait
    short_lived.step()
    assert works.desk.one("SELECT count(*) FROM jurat_upkeep WHERE task = 'leases'") == 1


def test_a_keeper_purges_also_where_other_upkeep_fails(works: Works) -> None:
    purged(works, 3)
    works.desk.submit_many(1, first=50)
    works.desk.claim(free=1)
    works.desk.set_back("lease_until", 1, "state = 'leased'")
    each = keeper(works, InFlight(3), [])
    with refusing(works.desk, "p-50", "jurat_checks", "NEW.state = 'pending'", "UPDATE"):
        for _ in range(3):
            with pytest.raises(DBAPIError):
                each.step()
    assert works.desk.one("SELECT count(*) FROM jurat_verdicts") == 0
