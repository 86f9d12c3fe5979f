from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jurat.times import instant
from jurat.vocabulary import Priority, Reason
from store.queue.breakers import BreakerChanges, SourceFigures
from store.queue.pauses import KEPT
from tasks.checks import GiveBack
from tasks.rules.source_limits import Breaker
from tests.store.desk import Desk, entry

# ------------------------------------------------------------------------------------------------ pauses


def test_a_pause_stops_one_source_alone(desk: Desk) -> None:
    desk.sources.pause("towns", 60, Reason.SOURCE_MAINTENANCE)
    row = {source.name: source for source in desk.queries.sources()}
    assert row["rpps"].paused_until is None
    assert row["towns"].pause_reason == "source_maintenance"
    paused = row["towns"].paused_until
    assert paused is not None
    assert timedelta(50) < timedelta(days=(paused - desk.queries.clock()).total_seconds()) <= timedelta(60)


def test_a_longer_pause_that_stands_is_kept_and_a_shorter_one_is_prolonged(desk: Desk) -> None:
    def until() -> float:
        (row,) = [source for source in desk.queries.sources() if source.name == "towns"]
        assert row.paused_until is not None
        return (row.paused_until - desk.queries.clock()).total_seconds()

    desk.sources.pause("towns", 600, Reason.SOURCE_MAINTENANCE)
    desk.sources.pause("towns", 30, Reason.SOURCE_THROTTLED)
    assert until() > 500
    desk.sources.pause("towns", 900, Reason.SOURCE_THROTTLED)
    assert until() > 800


def history(desk: Desk) -> list[Any]:
    """How many seconds each pause of towns lasted, why, and who set it."""
    return [
        (round((instant(until) - instant(began_at)).total_seconds(), 1), reason, by_whom)
        for began_at, until, reason, by_whom in desk.sql(
            "SELECT began_at, until, reason, by_whom FROM jurat_pauses WHERE source = 'towns' ORDER BY began_at"
        )
    ]


def audit(desk: Desk) -> list[tuple[str, str, str]]:
    rows = desk.sql("SELECT actor, action, subject FROM jurat_audit WHERE action <> 'config apply' ORDER BY at, id")
    return [tuple(row) for row in rows]


def test_the_history_has_each_pause_once_and_none_that_overlaps_another(desk: Desk) -> None:
    desk.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    desk.sources.pause("towns", 30, Reason.SOURCE_MAINTENANCE)
    desk.sql("UPDATE jurat_pauses SET began_at = NOW(-10)")
    assert history(desk) == [(pytest.approx(70, abs=2), "source_throttled", None)]
    desk.sources.pause("towns", 120, Reason.SOURCE_MAINTENANCE)
    assert history(desk) == [(pytest.approx(130, abs=2), "source_maintenance", None)]
    desk.sql("UPDATE jurat_pauses SET until = NOW(-5)")
    desk.sql("UPDATE jurat_sources SET paused_until = NOW(-5)")
    desk.sources.pause("towns", 9, Reason.SOURCE_THROTTLED)
    assert [length for length, *_ in history(desk)] == [pytest.approx(5, abs=2), pytest.approx(9, abs=2)]


def test_a_person_pauses_and_resumes_and_the_audit_says_who(desk: Desk) -> None:
    assert desk.sources.pause("towns", 7200, "moving house", "the operator") is not None
    assert desk.sources.pause("towns", 60, "in vain", "another") is None
    assert history(desk) == [(7200.0, "moving house", "the operator")]
    desk.sql("UPDATE jurat_pauses SET began_at = NOW(-100)")
    assert desk.sources.resume("towns", "another")
    assert not desk.sources.resume("towns", "another")
    assert history(desk) == [(pytest.approx(100, abs=3), "moving house", "the operator")]
    assert audit(desk) == [("the operator", "sources pause", "towns"), ("another", "sources resume", "towns")]
    assert {row.paused_until for row in desk.queries.sources()} == {None}


def test_nobody_can_pause_what_is_no_source(desk: Desk) -> None:
    assert desk.sources.pause("nowhere", 60, "x", "the operator") is None
    assert not desk.sources.resume("nowhere", "the operator")
    assert desk.sql("SELECT * FROM jurat_pauses") == []
    assert audit(desk) == []


def test_a_source_that_asks_for_a_pause_leaves_no_audit_row_and_one_that_cuts_us_off_does(desk: Desk) -> None:
    desk.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    assert audit(desk) == []
    desk.sources.cut_off("towns", 1800, Reason.SOURCE_UNAVAILABLE)
    desk.sources.cut_off("towns", 1800 - 60, Reason.SOURCE_UNAVAILABLE)
    assert audit(desk) == [("worker", "source refuses us", "towns")]
    assert history(desk) == [(pytest.approx(1800, abs=2), "source_unavailable", None)]


def test_of_workers_that_meet_the_same_pause_one_begins_it(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as pool:
        before = list(pool.map(lambda _: desk.sources.pause("towns", 60, Reason.SOURCE_THROTTLED), range(8)))
        is_news = list(pool.map(lambda _: desk.sources.cut_off("towns", 1800, Reason.SOURCE_THROTTLED), range(8)))
    assert before.count(0.0) == 1
    assert is_news.count(True) == 1
    assert audit(desk) == [("worker", "source refuses us", "towns")]


def test_pauses_of_long_ago_are_forgotten(desk: Desk) -> None:
    for began, until in ((KEPT + 9, KEPT + 5), (KEPT + 5, KEPT - 9)):
        desk.sql(
            "INSERT INTO jurat_pauses (source, began_at, until, reason) "
            f"VALUES ('towns', NOW({-began}), NOW({-until}), 'x')"
        )
    desk.upkeep.purge()
    assert [length for length, *_ in history(desk)] == [14.0]


# ------------------------------------------------------------------------------------------------ the breaker


FAILED = Reason.SOURCE_UNAVAILABLE


def fails(desk: Desk, *runs: tuple[int, int, int], breaker: Breaker | None = None) -> list[BreakerChanges]:
    """What becomes of towns' breaker as workers tell what was answered, what failed, and what failed last."""
    breakers = {"towns": breaker} if breaker else {}
    return [desk.sources.record({"towns": SourceFigures(*run, FAILED)}, breakers) for run in runs]


OPENED, CLOSED, SAME = BreakerChanges(opened=("towns",)), BreakerChanges(closed=("towns",)), BreakerChanges()


def test_a_run_of_failures_opens_the_breaker_over_all_that_workers_tell(desk: Desk) -> None:
    assert fails(desk, (0, 2, 2), (0, 2, 2), (0, 1, 1), (0, 1, 1)) == [SAME, SAME, OPENED, SAME]
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert (row.failures, row.opened_at is not None) == (6, True)
    assert row.probe_at is not None
    assert audit(desk) == [("worker", "breaker opens", "towns")]


def test_an_answer_in_between_begins_the_run_anew(desk: Desk) -> None:
    assert fails(desk, (0, 4, 4), (1, 0, 0), (0, 4, 4), (3, 9, 4), (0, 1, 1)) == [SAME, SAME, SAME, SAME, OPENED]


def test_how_long_a_run_must_be_is_configured(desk: Desk) -> None:
    assert fails(desk, (0, 2, 2), (0, 1, 1), breaker=Breaker(failures=3)) == [SAME, OPENED]


def test_the_next_answer_closes_it(desk: Desk) -> None:
    assert fails(desk, (0, 9, 9), (1, 1, 1), (2, 1, 0), (1, 0, 0)) == [OPENED, SAME, CLOSED, SAME]
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert (row.failures, row.opened_at, row.probe_at) == (0, None, None)
    assert [action for _, action, _ in audit(desk)] == ["breaker opens", "breaker closes"]


def test_an_answer_that_came_before_a_failure_and_is_told_after_it_ends_no_run(desk: Desk) -> None:
    """One worker tells of its answers once a second, another of failures at once."""
    fails(desk, (0, 2, 2))
    before = SourceFigures(answered=7, answered_ago=60.0)
    assert desk.sources.record({"towns": before}, {}).failures == {"towns": 2}
    # Its own failures since then belong to the run as well; those before are over.
    mixed = SourceFigures(answered=7, failed=5, trailing=2, last_failure=FAILED, answered_ago=60.0, failed_ago=30.0)
    assert desk.sources.record({"towns": mixed}, {}).failures == {"towns": 4}
    assert fails(desk, (0, 1, 1)) == [OPENED]
    assert desk.sources.record({"towns": before}, {}) == SAME, "nor does it close the breaker"
    assert desk.sources.record({"towns": SourceFigures(answered=1)}, {}) == CLOSED


def test_the_times_of_a_source_are_those_at_which_it_was_seen(desk: Desk) -> None:
    for ago in (30.0, 90.0):  # reported in any order
        seen = SourceFigures(1, 1, 0, FAILED, answered_ago=ago, failed_ago=2 * ago)
        desk.sources.record({"towns": seen}, {})
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.last_success_at is not None
    assert row.last_failure_at is not None
    assert 25 < (row.last_success_at - row.last_failure_at).total_seconds() < 35


def test_the_last_failure_is_the_one_that_came_last_whoever_tells_later(desk: Desk) -> None:
    for reason, ago in ((Reason.SOURCE_THROTTLED, 30.0), (Reason.SOURCE_UNREADABLE, 90.0)):
        desk.sources.record({"towns": SourceFigures(0, 1, 1, reason, failed_ago=ago)}, {})
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.last_failure == Reason.SOURCE_THROTTLED


def test_sources_that_failed_last_are_seen_with_their_runs(desk: Desk) -> None:
    assert desk.sources.failing() == {}
    fails(desk, (0, 2, 2))
    assert desk.sources.failing() == {"towns": 2}
    fails(desk, (0, 3, 3))
    assert desk.sources.failing() == {"towns": 5}
    fails(desk, (1, 0, 0))
    assert desk.sources.failing() == {}


def test_the_first_probe_waits_for_as_long_as_is_configured(desk: Desk) -> None:
    fails(desk, (0, 9, 9), breaker=Breaker(probe=120.0))
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.probe_at is not None
    assert row.opened_at is not None
    assert row.probe_at - row.opened_at == timedelta(seconds=120)


# ------------------------------------------------------------------------------------------------ figures


def test_when_a_source_answered_and_failed_is_kept(desk: Desk) -> None:
    desk.sources.record({}, {})
    unreadable = SourceFigures(0, 2, 2, Reason.SOURCE_UNREADABLE)
    desk.sources.record({"towns": SourceFigures(answered=3), "rpps": unreadable}, {})
    desk.sources.record({"towns": SourceFigures(answered=1), "nobody": SourceFigures(answered=1)}, {})
    rows = {source.name: source for source in desk.queries.sources()}
    assert set(rows) == {"towns", "ban", "rpps", "spring"}
    assert rows["towns"].last_success_at is not None
    assert rows["towns"].last_failure_at is None
    assert rows["rpps"].last_success_at is None
    assert (rows["rpps"].last_failure_at is not None, rows["rpps"].last_failure) == (True, "source_unreadable")


def test_a_failure_that_speaks_of_the_request_alone_has_its_time_as_well(desk: Desk) -> None:
    desk.sources.record({"towns": SourceFigures(last_failure=Reason.SOURCE_REJECTED_REQUEST)}, {})
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert (row.last_failure, row.failures) == ("source_rejected_request", 0)
    assert row.last_failure_at is not None


def test_whoever_tells_hears_how_many_failures_in_a_row_all_workers_saw(desk: Desk) -> None:
    noted = fails(desk, (0, 2, 2), (0, 2, 2), (0, 1, 1), (3, 1, 1), (1, 0, 0), breaker=Breaker(failures=5))
    assert [each.failures["towns"] for each in noted] == [2, 4, 5, 5, 0]


def test_figures_show_the_backlog_and_slow_the_polling_down(desk: Desk) -> None:
    checks = desk.submit_many(5)
    desk.set_back("due_at", 120, "participant = 'p-2'")
    desk.submit_many(300, "profession")
    desk.claim(free=1)
    desk.upkeep.count_waiting()
    rows = {source.name: source for source in desk.queries.sources()}
    assert {name: row.waiting for name, row in rows.items()} == {"towns": 4, "ban": 0, "rpps": 300, "spring": 0}
    assert rows["ban"].oldest_due_at is None
    assert desk.result(checks[0].id).next_poll_ms == 250 + 4
    slow = desk.sql("SELECT check_id, next_poll_ms FROM jurat_results WHERE question = 'profession'")
    assert {row[1] for row in slow} == {550}


def waits(desk: Desk) -> float | None:
    desk.upkeep.count_waiting()
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    return row.wait_s


def test_the_wait_is_reckoned_from_the_pace_of_late(desk: Desk) -> None:
    desk.submit_many(200)
    desk.set_back("due_at", 100)
    assert waits(desk) is None, "nobody knows the pace yet"
    desk.sources.record({"towns": SourceFigures(95, 5)}, {})
    desk.sql("UPDATE jurat_sources SET figures_at = NOW(-10)")
    assert waits(desk) == pytest.approx(20.0, rel=0.2), "100 in 10 s, and 200 wait"
    desk.sources.record({"towns": SourceFigures(300)}, {})
    desk.sql("UPDATE jurat_sources SET figures_at = NOW(-10)")
    assert waits(desk) == pytest.approx(200 / (10 + 20 / 3), rel=0.2), "a third of the way to 30/s"


def test_a_pause_is_part_of_the_wait(desk: Desk) -> None:
    desk.submit_many(200)
    desk.sql("UPDATE jurat_sources SET served_s = 10.0")
    assert waits(desk) == pytest.approx(20.0)
    desk.sources.pause("towns", 600, "x", "the operator")
    assert waits(desk) == pytest.approx(620.0, rel=0.01)


def test_nothing_waits_where_nothing_waits_and_the_pace_of_idle_times_says_nothing(desk: Desk) -> None:
    desk.sql("UPDATE jurat_sources SET served_s = 10.0")
    for _ in range(3):
        desk.sql("UPDATE jurat_sources SET figures_at = NOW(-60), oldest_due_at = NULL")
        assert waits(desk) == 0.0
    desk.submit_many(5)
    assert waits(desk) == pytest.approx(0.5)
    assert desk.one("SELECT served_s FROM jurat_sources WHERE name = 'towns'") == 10.0


def test_the_oldest_is_found_over_all_consultations_and_priorities(desk: Desk) -> None:
    desk.submit_many(3)
    desk.submit("late", priority=Priority.BULK)
    desk.set_back("due_at", 120, "participant = 'late'")
    desk.upkeep.count_waiting()
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.oldest_due_at is not None
    assert desk.queries.clock() - row.oldest_due_at >= timedelta(seconds=119)
    assert row.waiting == 4


def test_checks_that_have_one_chance_left_wait_as_well(desk: Desk) -> None:
    desk.submit_many(3)
    desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant = 'p-1'")
    desk.upkeep.count_waiting()
    assert desk.one("SELECT waiting FROM jurat_sources WHERE name = 'towns'") == 3
    assert sum(desk.queries.unsettled().values()) == 3


@pytest.mark.slow
def test_upkeep_of_the_sources_and_claims_never_wait_for_each_other_in_a_circle(postgresql: Desk) -> None:
    desk = postgresql
    desk.submit_many(50)
    desk.submit_many(50, "profession")

    def claim(_: int) -> None:
        held = desk.claim("towns", 3, concurrency=40, interval=0.001) + desk.claim("rpps", 3, concurrency=40)
        desk.write(*(entry(check, GiveBack()) for check in held))

    def note(_: int) -> None:
        desk.sources.record({name: SourceFigures(1) for name in ("towns", "rpps", "ban")}, {})

    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(each, n) for n in range(60) for each in (claim, note, lambda _: desk.upkeep.count_waiting())
        ]
        for done in work:
            done.result(60)


def test_the_duration_of_look_ups_is_that_of_the_last_fifty_or_so(desk: Desk) -> None:
    def told(**given: Any) -> float | None:
        desk.sources.record({"towns": SourceFigures(**given)}, {})
        mean: float | None = desk.one("SELECT lookup_s FROM jurat_sources WHERE name = 'towns'")
        return mean

    assert told(last_failure=Reason.SOURCE_REJECTED_REQUEST) is None, "it says nothing of how long the source takes"
    assert told(answered=1, seconds=2.0) == pytest.approx(2.0)
    assert told(answered=30, failed=20, seconds=50.0) == pytest.approx(1.5)
    assert told(last_failure=Reason.SOURCE_REJECTED_REQUEST) == pytest.approx(1.5)
    assert desk.one("SELECT lookup_s FROM jurat_sources WHERE name = 'ban'") is None
