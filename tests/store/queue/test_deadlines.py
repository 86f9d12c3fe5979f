"""Deadlines do not run down while a source takes no work: pauses and closed hours."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from jurat.vocabulary import Reason
from store.dialects import dialect_of
from store.queue.deadlines import PassedDeadline, Standstills
from tasks.checks import ClaimedCheck, GiveBack
from tests.store.desk import Desk
from tests.store.queue.test_quotas import closing


def waited(desk: Desk, seconds: float, deadline: float) -> ClaimedCheck:
    """A check that was submitted so long ago and had `deadline` seconds; not held."""
    check = desk.held()
    desk.settle(check, GiveBack())
    desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW({-seconds}), deadline_at = NOW({deadline - seconds})")
    return check


def left(desk: Desk) -> float:
    """Seconds to the deadline. SQLite counts days in floating point, which is right to a tenth of a millisecond."""
    dialect = dialect_of(desk.engine)
    return float(desk.one(f"SELECT {dialect.seconds_between('deadline_at', desk.clock('NOW'))} FROM jurat_checks"))


def paused(desk: Desk, begin: float, end: float) -> None:
    """Towns was, or is, paused from `begin` to `end` seconds from now."""
    desk.sql(
        f"INSERT INTO jurat_pauses (source, began_at, until, reason) VALUES ('towns', NOW({begin}), NOW({end}), 'x')"
    )
    if end > 0:
        desk.sql(f"UPDATE jurat_sources SET paused_until = NOW({end}) WHERE name = 'towns'")


def test_the_time_of_a_pause_is_added_to_a_deadline(desk: Desk) -> None:
    waited(desk, 100, 60)
    paused(desk, -90, -20)
    assert desk.claims.claim_overdue(10, {}) == []
    assert 25 < left(desk) < 30.01
    assert desk.claims.claim_overdue(10, {}) == []
    assert 25 < left(desk) < 30.01, "once"
    assert not desk.claim_one().overdue


def test_the_time_of_a_pause_is_added_once_however_often_the_deadline_passes(desk: Desk) -> None:
    waited(desk, 100, 60)
    paused(desk, -90, -20)
    assert desk.claims.claim_overdue(10, {}) == []
    desk.set_back("deadline_at", 5)
    (held,) = desk.claims.claim_overdue(10, {})
    assert held.overdue


def test_a_claim_gives_a_check_its_time_back_before_upkeep_did(desk: Desk) -> None:
    waited(desk, 100, 60)
    paused(desk, -90, -20)
    held = desk.claim_one()
    assert not held.overdue
    assert 25 < held.seconds_left < 30.01
    assert 25 < left(desk) < 30.01


def test_a_deadline_that_passed_all_the_same_has_passed(desk: Desk) -> None:
    waited(desk, 100, 60)
    paused(desk, -90, -60)
    (held,) = desk.claims.claim_overdue(10, {})
    assert held.overdue
    desk.settle(held, GiveBack())
    assert desk.claim_one().overdue


def test_while_a_source_is_paused_its_deadlines_wait_but_for_those_that_passed_before(desk: Desk) -> None:
    desk.submit_many(2)
    desk.sql("UPDATE jurat_checks SET submitted_at = NOW(-100), deadline_at = NOW(-10)")
    desk.sql("UPDATE jurat_checks SET deadline_at = NOW(-50) WHERE participant = 'p-0'")
    paused(desk, -40, 60)
    (held,) = desk.claims.claim_overdue(10, {})
    assert held.participant == "p-0"
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE stood_s > 0") == 0, "for it is not over"


def test_closed_hours_are_added_to_a_deadline(desk: Desk) -> None:
    waited(desk, 100, 60)
    hours = {"towns": closing(-90, -20)}
    assert len(desk.claims.claim_overdue(10, {"rpps": hours["towns"]})) == 1, "another's hours count nothing"
    desk.sql("UPDATE jurat_checks SET state = 'pending', lease_until = NULL")
    assert desk.claims.claim_overdue(10, hours) == []
    assert 25 < left(desk) < 30.01
    desk.sql("UPDATE jurat_checks SET stood_s = 0, deadline_at = NOW(-40)")
    assert not desk.claim(hours=hours["towns"])[0].overdue


def test_a_deadline_that_somebody_ended_is_not_moved_on(desk: Desk) -> None:
    from tasks.checks import Review

    held = desk.held(question="profession")
    desk.sql("UPDATE jurat_checks SET submitted_at = NOW(-100)")
    desk.settle(held, Review(Reason.NAME_DIFFERS, -1.0))
    desk.sql("INSERT INTO jurat_pauses (source, began_at, until, reason) VALUES ('rpps', NOW(-90), NOW(-10), 'x')")
    assert desk.upkeep.end_reviews() == 1
    (overdue,) = desk.claims.claim_overdue(10, {})
    assert overdue.overdue
    assert overdue.reviewed


def test_a_pause_that_is_prolonged_or_ended_early_counts_for_as_long_as_it_lasted(desk: Desk) -> None:
    waited(desk, 100, 60)
    desk.sources.pause("towns", 1.0, "x")
    desk.sources.pause("towns", 600.0, "x")
    desk.sql("UPDATE jurat_pauses SET began_at = NOW(-70)")
    desk.sources.resume("towns", "someone")
    time.sleep(0.002)  # SQLite's times are in milliseconds, and in that one it is still paused
    assert desk.claims.claim_overdue(10, {}) == []
    assert 20 < left(desk) < 30.01


def test_a_deadline_that_moves_on_to_this_very_moment_has_passed() -> None:
    """Times are stored to the millisecond; the database's clock, read as a number, may lose a microsecond."""
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    pause, deadline = (begin, begin + timedelta(seconds=61)), begin + timedelta(hours=1)
    check = PassedDeadline(uuid4(), "towns", begin, deadline, 0.0, None)
    for now, due in ((deadline + timedelta(seconds=61), 0.0), (deadline + timedelta(seconds=60.99), 61.0)):
        for seen in (now, now - timedelta(microseconds=1)):
            assert Standstills(seen, {}, {"towns": [pause]}, {}).due(check) == due
