"""How long a claimed check had been due, and how long ago it was submitted, by the database's clock alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import event

from config.hours import Hours
from jurat.vocabulary import Priority
from store.queue.deadlines import ENDED
from tasks.checks import ClaimedCheck
from tests.store.desk import Desk

SLACK = 60.0
"""Seconds that a slow machine may take between two statements here."""


def aged(desk: Desk, *, submitted: float, due: float = 0.0, priority: Priority = Priority.INTERACTIVE) -> None:
    """A check that was submitted and due so many seconds ago."""
    check = desk.submit(priority=priority)
    desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW({-submitted}), due_at = NOW({-due}) WHERE id = '{check.id}'")


def paused(desk: Desk, began: float, until: float) -> None:
    """The source was paused between so many seconds ago."""
    columns = "(source, began_at, until, reason)"
    desk.sql(f"INSERT INTO jurat_pauses {columns} VALUES ('towns', NOW({-began}), NOW({-until}), 'maintenance')")


def age(held: ClaimedCheck) -> float:
    assert held.submitted is not None
    return time.monotonic() - held.submitted


def test_a_check_has_waited_since_it_was_due_and_is_as_old_as_its_submit(desk: Desk) -> None:
    aged(desk, submitted=300, due=100)
    held = desk.claim_one()
    assert 100 <= held.waited < 100 + SLACK
    assert 300 <= age(held) < 300 + SLACK
    assert held.priority == Priority.INTERACTIVE


def test_what_its_deadline_was_moved_on_by_does_not_count(desk: Desk) -> None:
    aged(desk, submitted=3000, priority=Priority.BULK)
    desk.sql("UPDATE jurat_checks SET stood_s = 1000")
    assert 2000 <= age(desk.claim_one()) < 2000 + SLACK


def test_an_interactive_check_does_not_count_the_time_in_which_its_source_was_paused(desk: Desk) -> None:
    aged(desk, submitted=3000)
    paused(desk, 4000, 2500)
    paused(desk, 1500, 1000)
    assert 2000 <= age(desk.claim_one()) < 2000 + SLACK


def test_nor_that_in_which_its_key_was_missing(desk: Desk) -> None:
    aged(desk, submitted=3000)
    ((key,),) = desk.sql("SELECT answer_key FROM jurat_checks")
    columns = "(source, answer_key, since, seen_at)"
    desk.sql(f"INSERT INTO jurat_missing_keys {columns} VALUES ('towns', '{key}', NOW(-2000), NOW(-1000))")
    assert 2000 <= age(desk.claim_one()) < 2000 + SLACK


def test_nor_that_in_which_it_was_closed(desk: Desk) -> None:
    week = 7 * 86_400.0
    aged(desk, submitted=week)
    (held,) = desk.claim(free=1, hours=_open_now_for_about(2, desk))
    assert 6 * 4 * 3600 <= age(held) <= 8 * 4 * 3600 + SLACK


def _open_now_for_about(hours: int, desk: Desk) -> Hours:
    """Open each day around the present time, and closed for the rest of it."""
    now = desk.queries.clock()
    minute = (now.hour * 60 + now.minute) % 1440
    week: list[int] = []
    for day in range(7):
        begin, end = (day * 1440 + minute - 60 * hours) % 10_080, (day * 1440 + minute + 60 * hours) % 10_080
        week += [begin, end] if begin < end else [0, end, begin, 10_080]
    return Hours(week=tuple(sorted(week)))


def test_a_deadline_that_was_ended_on_purpose_says_nothing_about_time(desk: Desk) -> None:
    aged(desk, submitted=300)
    desk.sql(f"UPDATE jurat_checks SET stood_s = {ENDED}")
    assert desk.claim_one().submitted is None


def test_standstills_are_read_seldom_and_only_for_old_interactive_checks(desk: Desk) -> None:
    read: list[Any] = []

    def look(*given: Any) -> None:
        if "FROM jurat_missing_keys" in given[2]:
            read.append(given[2])

    event.listen(desk.engine, "before_cursor_execute", look)
    desk.submit("p-new", priority=Priority.INTERACTIVE)
    assert len(desk.claim()) == 1
    aged_bulk = desk.submit("p-bulk", priority=Priority.BULK)
    desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW(-900) WHERE id = '{aged_bulk.id}'")
    assert len(desk.claim()) == 1
    assert read == []
    for number in range(3):
        check = desk.submit(f"p-{number}", priority=Priority.INTERACTIVE)
        desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW(-900) WHERE id = '{check.id}'")
        assert len(desk.claim()) == 1
    assert len(read) == 1
    event.remove(desk.engine, "before_cursor_execute", look)


def test_a_claim_is_not_lost_where_the_standstills_cannot_be_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(desk, submitted=300)
    desk.sql("ALTER TABLE jurat_pauses RENAME TO hidden")
    held = desk.claim_one()
    desk.sql("ALTER TABLE hidden RENAME TO jurat_pauses")
    assert 300 <= age(held) < 300 + SLACK
