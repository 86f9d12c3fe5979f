"""A restored database: workers of before are refused, nothing is claimed until someone confirms, and what is gone is
found. On both engines.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from jurat.times import instant
from store import restored
from store.restored import CheckDifference, NotFinished, Secured
from tests.store.desk import ADMIN, Desk, entry
from tests.store.passing import unguarded

TAKEN = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)


def secure(desk: Desk) -> Secured:
    with desk.engine.begin() as connection:
        return restored.secure(connection, TAKEN, ADMIN)


def confirm(desk: Desk) -> int:
    with desk.engine.begin() as connection:
        restored.finish(connection, ADMIN, 0)
        return restored.confirm(connection, ADMIN)


def test_a_worker_of_before_is_refused_whatever_it_writes(desk: Desk) -> None:
    held = desk.held()
    desk.submit("p-2")
    assert secure(desk) == Secured(2, 1, 4)
    outcome = desk.write(entry(held))
    assert (outcome.done, len(outcome.stale)) == ([], 1)
    assert desk.claims.renew([held]) == set()
    assert desk.row(held.id, "state, lease_until") == ("pending", None)
    assert desk.verdicts(held.id) == []


def test_a_claim_that_the_backup_does_not_know_is_never_given_again(desk: Desk) -> None:
    """The backup has the check unclaimed; the worker of before holds it under fence 1, which comes next."""
    check = desk.submit()
    (lost,) = desk.claim()
    desk.sql("UPDATE jurat_checks SET state = 'pending', fence = 0, lease_until = NULL")  # as in the backup
    secure(desk)
    confirm(desk)
    (again,) = desk.claim()
    assert (again.id, lost.fence) == (check.id, 1)
    assert again.fence > restored.JUMP
    assert [len(kept) for kept in (desk.write(entry(lost)).stale, desk.write(entry(again)).done)] == [1, 1]
    assert len(desk.verdicts(check.id)) == 1


def test_nothing_is_claimed_before_someone_confirms(desk: Desk) -> None:
    desk.submit()
    secure(desk)
    assert desk.claim() == []
    desk.submit("p-2")
    assert desk.claim() == []
    assert confirm(desk) == 4
    assert len(desk.claim()) == 2
    assert confirm(desk) == 0


def test_nothing_is_confirmed_before_the_erasures_were_repeated(desk: Desk) -> None:
    """Else who runs it as a user who may not erase confirms what was half done."""
    secure(desk)
    confirm(desk)
    desk.submit()
    time.sleep(0.01)  # SQLite's clock ticks in milliseconds
    secure(desk)
    with desk.engine.begin() as connection, pytest.raises(NotFinished):
        restored.confirm(connection, ADMIN)
    assert desk.claim() == []
    assert confirm(desk) == 4


def test_a_pause_of_before_ends_with_the_confirmation(desk: Desk) -> None:
    desk.sources.pause("ban", 60, "maintenance", by=ADMIN)
    assert secure(desk).sources == 4
    assert confirm(desk) == 4, "what was paused before has to be paused again, and is said"


def test_a_deadline_that_passed_since_the_backup_moves_on_and_no_answer_is_erased(desk: Desk) -> None:
    check = desk.submit()
    desk.set_back("submitted_at", 10_000)
    desk.set_back("deadline_at", 3600)
    with desk.engine.begin() as connection:
        restored.secure(connection, datetime.now(UTC) - timedelta(hours=2), ADMIN)
    assert desk.claims.claim_overdue(10, {}) == []
    confirm(desk)
    assert desk.claims.claim_overdue(10, {}) == []
    (held,) = desk.claim()
    assert held.id == check.id
    assert 3000 < held.seconds_left < 3700


def test_deadlines_move_on_once_however_often_it_is_said(desk: Desk) -> None:
    check = desk.submit()
    desk.set_back("submitted_at", 10_000)
    desk.set_back("deadline_at", 3600)
    for hours in (2, 2, 1):
        with desk.engine.begin() as connection:
            restored.secure(connection, datetime.now(UTC) - timedelta(hours=hours), ADMIN)
    confirm(desk)
    (held,) = desk.claim()
    assert held.id == check.id
    assert 3000 < held.seconds_left < 3700


def test_a_moment_that_is_corrected_moves_deadlines_by_what_was_missing(desk: Desk) -> None:
    desk.submit()
    desk.set_back("submitted_at", 10_000)
    desk.set_back("deadline_at", 3600)
    for hours in (0.5, 2):
        with desk.engine.begin() as connection:
            restored.secure(connection, datetime.now(UTC) - timedelta(hours=hours), ADMIN)
    confirm(desk)
    (held,) = desk.claim()
    assert 3000 < held.seconds_left < 3700


def test_the_deadline_of_an_answer_that_came_since_moves_on_by_no_more_than_its_age(desk: Desk) -> None:
    """The platform is in again, and `deadline` is promised to who answers."""
    desk.submit()
    (before,) = desk.sql("SELECT deadline_at FROM jurat_checks")
    for _ in range(2):
        with desk.engine.begin() as connection:
            restored.secure(connection, datetime.now(UTC) - timedelta(days=2), ADMIN)
    (after,) = desk.sql("SELECT deadline_at FROM jurat_checks")
    assert instant(after[0]) - instant(before[0]) < timedelta(minutes=5)


def test_a_time_of_a_platforms_own_brings_no_deadline_nearer(desk: Desk) -> None:
    desk.submit()
    desk.set_back("submitted_at", -10_000)
    (before,) = desk.sql("SELECT deadline_at FROM jurat_checks")
    secure(desk)
    assert desk.sql("SELECT deadline_at FROM jurat_checks") == [before]


def test_the_time_in_which_workers_went_on_moves_no_deadline(desk: Desk) -> None:
    """It is run again after the platform came in, for one more journal."""
    desk.submit()
    desk.set_back("submitted_at", 10_000)
    desk.set_back("deadline_at", 0)
    (before,) = desk.sql("SELECT deadline_at FROM jurat_checks")
    with desk.engine.begin() as connection:
        restored.secure(connection, datetime.now(UTC) - timedelta(seconds=3500), ADMIN)
    confirm(desk)
    with desk.engine.begin() as connection, unguarded(connection):
        for action, ago in ((restored.RESTORED, 3700), (restored.CONFIRMED, 3600)):
            statement = f"UPDATE jurat_audit SET at = NOW(-{ago}) WHERE action = '{action}'"
            connection.execute(text(desk.clock(statement)))
    for _ in range(2):
        with desk.engine.begin() as connection:
            restored.secure(connection, datetime.now(UTC) - timedelta(seconds=7200), ADMIN)
    (after,) = desk.sql("SELECT deadline_at FROM jurat_checks")
    assert 3590 < (instant(after[0]) - instant(before[0])).total_seconds() < 3700, "3500 s before, and 100 s now"


def test_each_step_is_in_the_audit(desk: Desk) -> None:
    desk.held()
    secure(desk)
    confirm(desk)
    rows = desk.sql("SELECT actor, action FROM jurat_audit WHERE action LIKE 'db restored%'")
    steps = (restored.RESTORED, restored.ERASED, restored.CONFIRMED)
    assert {tuple(row) for row in rows} == {(ADMIN, step) for step in steps}


def test_what_a_platform_knows_and_the_database_does_not_is_listed(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held)
    waiting, gone = desk.submit("p-2"), uuid4()
    known = [(held.id, "accepted"), (held.id, "refused"), (waiting.id, ""), (waiting.id, "accepted"), (gone, "")]
    with desk.engine.begin() as connection:
        found = list(restored.differences(connection, known, lot=2))
    assert found == [
        CheckDifference(held.id, "refused", "accepted"),
        CheckDifference(waiting.id, "accepted", "pending"),
        CheckDifference(gone, "", None),
    ]
