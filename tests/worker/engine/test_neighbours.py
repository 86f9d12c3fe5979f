"""A whole engine next to a platform that behaves badly in the same database, and does not die."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.store.refusals import refusing
from tests.worker.engine.test_claimer import make
from tests.worker.engine.test_writer import held_row
from tests.worker.engine.works import Works, soon
from worker import health
from worker.engine.in_flight import InFlight

BAD = 30
"""Far more than four times the slots: so many that wait to be written would keep others from being claimed."""


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "folder", lambda: tmp_path)


@pytest.mark.slow
def test_participants_whose_rows_a_platform_holds_keep_nobody_waiting_and_are_looked_up_once(works: Works) -> None:
    desk = works.desk
    desk.submit_many(BAD)
    desk.set_back("due_at", 5)  # they come first
    with held_row(desk, *(f"p-{number}" for number in range(BAD))):
        works.start()
        desk.submit_many(60, first=BAD)
        assert works.settles(60)
        assert soon(lambda: len(works.steered.asked) == BAD + 60)
        assert soon(lambda: not works.engine.in_flight.under_way())
        assert len(works.engine.in_flight) == BAD
        assert works.engine._watchdog.trouble() is None
    assert works.settles(BAD + 60)
    assert len(works.steered.asked) == BAD + 60
    assert desk.one("SELECT max(lost_leases) FROM jurat_checks") == 0


@pytest.mark.slow
def test_what_a_platforms_trigger_refuses_is_told_in_few_words_and_harms_nobody(works: Works) -> None:
    desk = works.desk
    desk.submit_many(40)
    with refusing(desk, "p-7"), capture_logs() as logs:
        works.start()
        assert works.settles(39)
        assert soon(lambda: not works.engine.in_flight.under_way())
        desk.submit_many(20, first=40)
        assert works.settles(59)
        assert works.stop(), "within its time"
    said = [line for line in logs if line["log_level"] not in ("info", "debug")]
    assert [line["event"].partition(":")[0] for line in said] == ["check not written", "given back"]
    assert not any("exc_info" in line or "exception" in line for line in said)
    assert desk.row(desk.one("SELECT id FROM jurat_checks WHERE state <> 'settled'"), "state") == "pending"


def test_a_piece_of_upkeep_that_always_fails_keeps_back_nothing_that_is_to_be_told(works: Works) -> None:
    desk = works.desk
    desk.submit_many(3)
    desk.claim(free=3)
    desk.set_back("lease_until", 1)
    with refusing(desk, "p-1", "jurat_checks"):
        works.start()
        assert works.settles(2)
        sql = "SELECT count(*) FROM jurat_sources WHERE last_success_at IS NOT NULL"
        assert soon(lambda: desk.one(sql))
        assert not works.engine._keeper.away, "the database is well"


def test_what_was_put_apart_does_not_keep_a_last_chance_waiting(works: Works) -> None:
    """It was looked up; a platform may hold its participant's row for hours."""
    works.plans.refresh()
    works.desk.submit_many(2)
    works.desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant = 'p-1'")
    busy = works.desk.claim(free=1)
    in_flight = InFlight(8)
    in_flight.add(busy)
    in_flight.mark_looked_up(busy)
    claimer = make(works, works.desk.claims, in_flight)
    for _ in range(3):
        claimer._wakes.wake()
        claimer.step()
    assert claimer._lookups.ready.empty(), "it is about to be written"
    in_flight.put_apart(busy)
    claimer._wakes.wake()
    claimer.step()
    lot = claimer._lookups.ready.get_nowait()
    assert lot is not None
    assert [held.participant for held in lot] == ["p-1"]
