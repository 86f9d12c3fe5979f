"""The database's clock is put back by an hour: what workers wrote before lies in its future, and work goes on."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from store.queue.leases import LEASE
from store.upkeep import clocks
from store.upkeep.schedule import EVERY
from store.upkeep.turns import LOOK_AT_CLOCK
from store.upkeep.upkeep import Upkeep
from store.workers import Fleet, Member, workers
from tasks.rules.source_limits import Demand
from tests.store.desk import Desk
from tests.store.refusals import refusing

HOUR = 3600
AT_ONCE = dict.fromkeys(EVERY, 0.0)

TIMES = {
    "jurat_upkeep": ("ran_at", "hold_until"),
    "jurat_sources": ("next_start_at", "probe_at", "paused_until", "last_success_at", "last_failure_at", "figures_at"),
    "jurat_pauses": ("began_at", "until"),
    "jurat_missing_keys": ("since", "seen_at"),
    "jurat_checks": ("due_at", "lease_until"),
    "jurat_workers": ("seen_at",),
}


def put_back(desk: Desk) -> None:
    """As a clock that goes back leaves them: all times lie an hour later than they did."""
    for table, columns in TIMES.items():
        later = "{0} = {0} + interval '1 hour'" if desk.postgresql else LATER
        desk.sql(f"UPDATE {table} SET {', '.join(later.format(column) for column in columns)}")


LATER = "{0} = strftime('%Y-%m-%d %H:%M:%f', {0}, '3600 seconds')"


@pytest.fixture
def now() -> list[float]:
    """Our own clock, which no one puts back."""
    return [0.0]


@pytest.fixture
def upkeep(desk: Desk, now: list[float]) -> Upkeep:
    """A worker's upkeep that has been doing its work for a while."""
    made = Upkeep(desk.engine, clock=lambda: now[0])
    made.turns(EVERY)
    return made


def due_again(upkeep: Upkeep, now: list[float]) -> set[str]:
    now[0] += LOOK_AT_CLOCK
    upkeep.turns(EVERY)
    return upkeep.turns(AT_ONCE)


def test_upkeep_goes_on_and_says_so_once(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    put_back(desk)
    with capture_logs() as logs:
        assert {"figures", "purge"} <= due_again(upkeep, now)
        assert {"figures", "purge"} <= due_again(upkeep, now)
    said = [line for line in logs if line["event"] == "the database's clock was put back"]
    assert len(said) == 1
    assert abs(said[0]["seconds"] - HOUR) < 60


def test_leases_are_not_spared_for_as_long(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    desk.held()
    desk.sql("UPDATE jurat_upkeep SET hold_until = NOW(5)")
    put_back(desk)
    due_again(upkeep, now)
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until <= NOW({LEASE})") == 1
    assert desk.one("SELECT count(*) FROM jurat_upkeep WHERE hold_until > NOW") == 0
    desk.set_back("lease_until", 1, "state = 'leased'")
    assert "leases" in upkeep.turns(EVERY)


def test_what_was_submitted_and_put_off_is_looked_up(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    desk.submit_many(7)
    desk.sql("UPDATE jurat_checks SET due_at = NOW(60) WHERE participant = 'p-0'")
    put_back(desk)
    assert desk.claim() == []
    due_again(upkeep, now)
    assert len(desk.claim()) == 7


def test_more_than_a_turn_can_take_is_looked_up_after_the_next(
    desk: Desk, upkeep: Upkeep, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "BATCH", 2)
    monkeypatch.setattr(clocks, "BATCHES", 1)
    desk.submit_many(5)
    put_back(desk)
    for waiting in (3, 1, 0):
        due_again(upkeep, now)
        assert desk.one("SELECT count(*) FROM jurat_checks WHERE due_at > NOW(5)") == waiting


def test_a_source_with_a_rate_goes_on_and_is_asked_no_more_than_it_allows(
    desk: Desk, upkeep: Upkeep, now: list[float]
) -> None:
    desk.submit_many(4)
    slow = Demand("towns", 10, interval=300.0)
    assert len(desk.take([slow], 10)) == 1
    put_back(desk)
    due_again(upkeep, now)
    assert desk.take([slow], 10) == [], "its next start is 300 s after the last one, as before"
    ahead = desk.one("SELECT count(*) FROM jurat_sources WHERE next_start_at BETWEEN NOW(200) AND NOW(301)")
    assert ahead == 1
    desk.sql("UPDATE jurat_sources SET next_start_at = NOW(-1) WHERE name = 'towns'")
    assert len(desk.take([slow], 10)) == 1


def test_breakers_and_pauses_last_as_long_as_before(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    desk.sql("UPDATE jurat_sources SET opened_at = NOW(-60), failures = 9, probe_at = NOW(1) WHERE name = 'towns'")
    desk.sources.pause("ban", 600.0, "source_throttled")
    put_back(desk)
    due_again(upkeep, now)
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE name = 'towns' AND probe_at <= NOW(2)") == 1
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until BETWEEN NOW(500) AND NOW(601)") == 1
    assert desk.one("SELECT count(*) FROM jurat_pauses WHERE until BETWEEN NOW(500) AND NOW(601)") == 1


def test_the_deadline_of_an_answer_stands_still_for_the_whole_pause(
    desk: Desk, upkeep: Upkeep, now: list[float]
) -> None:
    """It was submitted in the pause, after the clock went back: half an hour later its 20 minutes are not over."""
    desk.sources.pause("towns", 2 * HOUR, "maintenance", "an operator")
    put_back(desk)
    due_again(upkeep, now)
    desk.submit("p-1")
    desk.set_back("submitted_at", 1800)
    desk.set_back("due_at", 1800)
    desk.set_back("deadline_at", 600)
    desk.sql("UPDATE jurat_sources SET paused_until = NOW(5000) WHERE name = 'towns'")
    desk.sql("UPDATE jurat_pauses SET began_at = NOW(-2000), until = NOW(5000) WHERE began_at <= NOW(60)")
    assert desk.claims.claim_overdue(10, {}) == []


def test_a_key_is_missing_for_as_long_as_it_was(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    stranger = Member(uuid4(), "h", "w", "1", "0028", 4, unseal_keys=("a" * 16,), ready=True)
    fleet = Fleet(desk.engine)
    desk.submit("p-1")
    fleet.report(stranger)
    desk.sql("UPDATE jurat_missing_keys SET since = NOW(-60)")
    put_back(desk)
    due_again(upkeep, now)
    fleet.report(stranger)
    began = "since BETWEEN NOW(-90) AND NOW(-50)"
    assert desk.one(f"SELECT count(*) FROM jurat_missing_keys WHERE {began} AND seen_at <= NOW") == 1
    assert desk.one("SELECT count(*) FROM jurat_missing_keys") == 1


def test_a_lease_that_a_trigger_refuses_keeps_nothing_else_from_being_moved(
    desk: Desk, upkeep: Upkeep, now: list[float]
) -> None:
    desk.submit_many(3)
    desk.claim()
    desk.sources.pause("ban", 600.0, "source_throttled")
    put_back(desk)
    with refusing(desk, "p-1", "jurat_checks"):
        due_again(upkeep, now)
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until BETWEEN NOW(500) AND NOW(601)") == 1
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until <= NOW({LEASE})") == 2


def test_a_clock_that_goes_on_changes_nothing(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    desk.submit_many(3)
    desk.sql("UPDATE jurat_checks SET due_at = NOW(60)")
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(2) WHERE task = 'leases'")
    due_again(upkeep, now)
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE due_at > NOW(5)") == 3


def test_one_of_several_workers_moves_them(desk: Desk, now: list[float]) -> None:
    """Moved twice, a source's start would come too early."""
    workers = [Upkeep(desk.engine, clock=lambda: now[0]) for _ in range(4)]
    for each in workers:
        each.turns(EVERY)
    desk.sql("UPDATE jurat_sources SET paused_until = NOW(7100) WHERE name = 'towns'")
    put_back(desk)
    now[0] += LOOK_AT_CLOCK
    with capture_logs() as logs:
        threads = [threading.Thread(target=each.turns, args=(EVERY,)) for each in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [line["event"] for line in logs] == ["the database's clock was put back"]
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until > NOW(7000)") == 1


def test_a_worker_that_is_gone_is_live_no_longer_than_ever(desk: Desk, upkeep: Upkeep, now: list[float]) -> None:
    Fleet(desk.engine).report(Member(uuid4(), "h", "w", "1", "0027", 4, unseal_keys=("a" * 16,), ready=True))
    put_back(desk)
    due_again(upkeep, now)
    with desk.engine.begin() as connection:
        (worker,) = workers(connection)
    assert worker.age >= 0


def test_a_check_that_a_trigger_refuses_keeps_no_other_from_being_due(
    desk: Desk, upkeep: Upkeep, now: list[float]
) -> None:
    desk.submit_many(3)
    put_back(desk)
    with refusing(desk, "p-1", "jurat_checks"), pytest.raises(DBAPIError):
        due_again(upkeep, now)
    assert sorted(held.participant for held in desk.claim()) == ["p-0", "p-2"]
