from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.base import Finding, InMaintenance, Throttled, Unavailable
from jurat.vocabulary import AccessState, Outcome, Reason
from tests.store.desk import DOCUMENT, Desk
from tests.worker.engine.works import MATCHES, PATIENCE, Works, free, soon
from worker.engine.wake_schedule import IDLE


def rows(desk: Desk, columns: str, where: str = "true") -> list[Any]:
    return desk.sql(f"SELECT {columns} FROM jurat_checks WHERE {where}")


# ------------------------------------------------------------------------------------------------ working


def test_checks_get_their_verdicts_and_participants_their_access(each_works: Works) -> None:
    each_works.start()
    each_works.desk.submit_many(20)
    each_works.desk.submit_many(20, "profession")
    assert each_works.settles(40)
    assert each_works.desk.sql(
        "SELECT outcome, reason, config_version, count(*) FROM jurat_verdicts GROUP BY 1, 2, 3"
    ) == [("accepted", "record_matches", 1, 40)]
    assert each_works.desk.sql("SELECT access, count(*) FROM jurat_access GROUP BY 1") == [("granted", 20)]
    assert each_works.desk.one("SELECT count(*) FROM jurat_attempts") == 40
    assert soon(lambda: len(each_works.engine.in_flight) == 0)
    assert free(each_works.engine.in_flight) == 4


@pytest.mark.slow
def test_without_a_bell_work_is_found_within_a_second(works: Works) -> None:
    works.start()
    for n in range(1, 4):
        works.desk.submit(f"p-{n}")
        assert works.settles(n)
    assert IDLE <= 1.0


def test_a_bell_is_answered_at_once(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engine.wake_schedule.IDLE", 2 * PATIENCE)  # nothing is found in time without a bell
    works.desk.submit("first")
    works.start()
    assert works.settles(1), "a new plan wakes as well"
    for n in range(2, 9):
        works.desk.submit(f"p-{n}")
        assert not works.settles(n, 0.1)
        works.engine.wake()
        assert works.settles(n)


def test_no_more_look_ups_run_at_once_than_there_are_slots(works: Works) -> None:
    works.configure(only=["towns"])
    works.steered.hold()
    works.start()
    works.desk.submit_many(15)
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 4)
    assert len(works.engine.in_flight) == 5, "one waits for the first slot that becomes free"
    works.steered.let_go()
    assert works.settles(15)
    assert works.steered.most_at_once == 4


@pytest.mark.usefixtures("_seldom")
def test_a_worker_with_a_backlog_does_not_wait_between_its_claims(works: Works) -> None:
    works.desk.submit_many(60)
    works.start()
    assert works.settles(60), "fifteen claims of four"


@pytest.mark.usefixtures("_seldom")
def test_a_source_of_little_concurrency_is_used_to_its_limit_and_never_above(each_works: Works) -> None:
    each_works.desk.apply(
        {**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": {"type": "simulated", "concurrency": 1}}}
    )
    each_works.desk.submit_many(30)
    each_works.start()
    assert each_works.settles(30), "thirty claims of one"
    assert each_works.steered.most_at_once == 1


@pytest.mark.slow
def test_a_worker_serves_only_the_sources_that_it_was_given(works: Works) -> None:
    works.configure(only=["rpps", "not-configured-yet"])
    works.start()
    works.desk.submit("p-1", "residence")
    works.desk.submit("p-1", "profession")
    assert works.settles(1)
    assert rows(works.desk, "question", "state = 'settled'") == [("profession",)]
    works.engine.wake()
    assert not works.settles(2, 1.2)


def test_a_failed_look_up_is_made_again_and_the_source_says_how_it_stands(works: Works) -> None:
    works.fails_with(Unavailable("down"))
    works.start()
    check = works.desk.submit(question="profession")
    works.engine.wake()
    assert soon(lambda: works.desk.row(check.id, "lookups") >= 1)
    works.steered.found = MATCHES
    assert works.settles(1)
    assert works.desk.verdicts(check.id) == [("accepted", "record_matches")]
    states = "SELECT last_success_at IS NOT NULL, last_failure FROM jurat_sources WHERE name = 'rpps'"
    assert soon(lambda: works.desk.sql(states) == [(True, "source_unavailable")])
    *before, last = [row[0] for row in works.desk.sql("SELECT result FROM jurat_attempts ORDER BY fence")]
    assert (set(before), last) == ({"failed"}, "answered")


def test_a_success_after_a_failure_in_one_batch_is_not_named_a_failure(works: Works) -> None:
    works.fails_with(Unavailable("down"))
    works.start()
    works.desk.submit("p-1", "profession")
    works.engine.wake()
    assert soon(lambda: len(works.steered.asked) >= 1)
    works.steered.found = MATCHES
    assert works.settles(1)
    last = "SELECT last_failure FROM jurat_sources WHERE name = 'rpps'"
    assert soon(lambda: works.desk.one(last) == "source_unavailable")


@pytest.mark.parametrize("error", [Throttled("slow down", retry_after=600), InMaintenance("night", retry_after=600)])
def test_a_source_that_asks_for_a_pause_is_left_alone_by_everybody(works: Works, error: Exception) -> None:
    works.fails_with(error)
    works.start()
    works.desk.submit_many(4, "profession")
    works.engine.wake()
    paused = "SELECT count(*) FROM jurat_sources WHERE paused_until > NOW(500) AND name = 'rpps'"
    assert soon(lambda: works.desk.one(paused) == 1 and len(works.engine.in_flight) == 0)
    asked = len(works.steered.asked)
    works.desk.submit_many(9, "residence")
    works.steered.found = MATCHES
    works.desk.set_back("due_at", 1, "state = 'pending'")
    works.engine.wake()
    assert works.settles(9)
    assert len(works.steered.asked) == asked + 9
    assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE question = 'profession' AND state = 'pending'") == 4


def test_the_first_source_is_paused_while_its_checks_go_on_to_the_next(works: Works) -> None:
    works.fails_with(Throttled("slow down", retry_after=600))
    works.start()
    works.desk.submit()
    works.engine.wake()
    assert soon(lambda: works.desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until > NOW(500)") >= 1)
    assert soon(lambda: rows(works.desk, "source") == [("ban",)])


def test_a_review_waits_for_a_person_and_then_ends(works: Works) -> None:
    works.steered.found = Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
    works.start()
    check = works.desk.submit(question="profession")
    works.engine.wake()
    assert soon(lambda: works.desk.row(check.id, "state") == "review")
    works.desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    works.desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-30) WHERE task = 'reviews'")
    works.desk.upkeep.end_reviews()
    assert works.settles(1)
    assert works.desk.verdicts(check.id) == [("undetermined", "deadline_passed")]


@pytest.mark.slow
def test_overdue_checks_of_a_source_that_nobody_serves_end(works: Works) -> None:
    works.configure(only=["spring"])
    works.start()
    check = works.desk.submit()
    works.desk.set_back("deadline_at", 1)
    assert works.settles(1)
    assert works.desk.verdicts(check.id) == [("undetermined", "deadline_passed")]
    assert works.steered.asked == []


# ------------------------------------------------------------------------------------------------ lost workers


def test_what_a_lost_worker_held_is_done_by_another_with_one_verdict(works: Works) -> None:
    lost = works.desk.held()
    works.desk.set_back("lease_until", 1)
    works.start()
    assert works.settles(1)
    assert works.desk.verdicts(lost.id) == [("accepted", "record_matches")]
    assert works.desk.row(lost.id, "fence, lost_leases") == (2, 1)
    assert len(works.desk.settle(lost).stale) == 1


def test_a_worker_that_lost_its_lease_writes_nothing_and_says_so(works: Works) -> None:
    works.steered.hold()
    works.start()
    check = works.desk.submit()
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 1)
    works.desk.sql("UPDATE jurat_checks SET fence = fence + 1, lease_until = NOW(60)")
    with capture_logs() as logs:
        works.steered.let_go()
        assert soon(lambda: works.engine.writer.refused == 1)
        assert soon(lambda: "write refused" in [line["event"] for line in logs])
    assert works.desk.verdicts(check.id) == []
    assert works.desk.row(check.id, "answer") is not None
    assert soon(lambda: free(works.engine.in_flight) == 4)


# ------------------------------------------------------------------------------------------------ configurations


@pytest.mark.slow
def test_a_new_configuration_is_taken_soon_and_named_in_each_verdict(works: Works) -> None:
    works.start()
    works.desk.submit("p-1")
    assert works.settles(1)
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "more": {"type": "simulated"}}})
    assert soon(lambda: (plan := works.plans.current()) is not None and plan.version == 2)
    works.desk.submit("p-2")
    assert works.settles(2)
    versions = works.desk.sql(
        "SELECT participant, config_version FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id ORDER BY 1"
    )
    assert versions == [("p-1", 1), ("p-2", 2)]


@pytest.mark.slow
def test_a_look_up_ends_under_the_plan_that_it_began_with(works: Works) -> None:
    works.steered.hold()
    works.start()
    works.desk.submit()
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 1)
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "more": {"type": "simulated"}}})
    assert soon(lambda: (plan := works.plans.current()) is not None and plan.version == 2)
    assert works.steered.closed == 0
    works.steered.let_go()
    assert works.settles(1)
    assert works.desk.one("SELECT config_version FROM jurat_verdicts") == 1


@pytest.mark.slow
def test_an_engine_without_a_configuration_waits_for_one(works: Works) -> None:
    works.desk.sql("DELETE FROM jurat_configs")
    works.engine.start()
    works._started = True
    assert not works.plans.taken.wait(1.5)
    check = works.desk.submit()
    works.desk.apply(DOCUMENT)
    assert works.settles(1)
    assert works.desk.access() == AccessState.INCOMPLETE
    assert works.desk.verdicts(check.id) == [("accepted", "record_matches")]


# ------------------------------------------------------------------------------------------------ stopping


def test_what_was_not_started_is_given_back_at_no_cost_and_look_ups_run_to_their_end(each_works: Works) -> None:
    each_works.configure(only=["towns"])
    each_works.steered.hold()
    each_works.start()
    each_works.desk.submit_many(4)
    each_works.engine.wake()
    assert soon(lambda: each_works.steered.at_once == 4)
    each_works.desk.submit_many(5, "profession")
    extra = each_works.desk.claim("rpps", 5)
    each_works.engine._lookups.accept(extra)
    each_works.engine.stop_claiming()
    each_works.engine.stop_claiming()
    assert each_works.engine.claimer.join(PATIENCE)
    late = each_works.desk.submit("late")
    each_works.engine.wake()
    each_works.steered.let_go()
    assert each_works.stop()
    assert each_works.settled == 4
    assert rows(each_works.desk, "DISTINCT state, lookups, lost_leases", "question = 'profession'") == [
        ("pending", 0, 0)
    ]
    assert each_works.desk.row(late.id, "state, fence") == ("pending", 0)
    assert each_works.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'leased'") == 0
    assert len(each_works.steered.asked) == 4
    assert len(each_works.engine.in_flight) == 0
    assert each_works.steered.closed > 0


def test_stopping_while_upkeep_claims_leaves_nothing_leased(works: Works) -> None:
    for n in range(8):
        works.desk.submit(f"p-{n}")
    works.start()
    assert works.settles(8)
    works.desk.submit_many(30, "profession")
    works.desk.set_back("deadline_at", 1, "state = 'pending'")
    works.desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-3) WHERE task = 'overdue'")
    assert works.stop()
    assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'leased'") == 0
    assert rows(works.desk, "max(lost_leases)") == [(0,)]


def test_a_look_up_that_hangs_does_not_keep_the_others_from_being_written(works: Works) -> None:
    works.start()
    works.steered.hold()
    works.desk.submit("p-1")
    works.engine.wake()
    assert soon(lambda: works.steered.at_once == 1)
    works.engine.stop_claiming()
    assert works.engine.claimer.join(PATIENCE)
    given_back = works.desk.held("p-2", "profession")
    works.engine._lookups.accept([given_back])
    begun = time.monotonic()
    assert not works.stop(timeout=1.0)
    assert time.monotonic() - begun < PATIENCE, "the lookup goes on for twice as long"
    assert soon(lambda: works.desk.row(given_back.id, "state, lookups") == ("pending", 0))
    assert rows(works.desk, "state", "participant = 'p-1'") == [("leased",)]


def test_no_thread_is_left_behind(works: Works) -> None:
    before = set(threading.enumerate())
    works.start()
    names = {thread.name for thread in set(threading.enumerate()) - before}
    assert names >= {"jurat-claimer", "jurat-writer", "jurat-keeper", "jurat-renewer", "jurat-lookup-3"}
    assert works.stop()
    assert soon(lambda: set(threading.enumerate()) <= before)


# ------------------------------------------------------------------------------------------------ idle


@pytest.mark.slow
def test_an_idle_worker_asks_the_database_a_few_times_a_second(works: Works) -> None:
    works.start()
    works.desk.submit()
    assert works.settles(1)
    noted = "SELECT count(*) FROM jurat_sources WHERE last_success_at IS NOT NULL"
    assert soon(lambda: len(works.engine.in_flight) == 0 and works.desk.one(noted) == 1)
    begun = time.monotonic()
    with works.desk.statements() as seen:
        assert soon(lambda: len(seen) >= 45)
    # Upkeep's turn twice a second, a claim each second, and now and then figures, configurations and the clock: about
    # four. Where a machine stands still for a moment, some of them come together.
    assert time.monotonic() - begun > 45 / 6
