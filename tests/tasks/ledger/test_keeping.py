from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from jurat.words import AccessState, Outcome, Reason
from tasks.checks import MOST_LOST_LEASES, GiveBack, Later, Review
from tasks.ledger import Keeping, SourceFigures
from tasks.ledger.keeping import OUTAGE
from tasks.rules import decide_without_look_up
from tests.tasks.desk import ACCEPTED, UNDETERMINED, Desk, attempt, entry, ids

# ------------------------------------------------------------------------------------------------ turns


def test_a_piece_of_upkeep_is_done_once_in_its_time_over_all_workers(desk: Desk) -> None:
    workers = [Keeping(desk.engine) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(lambda worker: worker.turns({"figures": 60}), workers))
    assert sorted(turns, key=len) == [set(), set(), set(), {"figures"}]
    assert not desk.keeping.turns({"figures": 60})
    assert desk.keeping.turns({"purge": 60})


def test_its_turn_comes_again_when_its_time_is_over(desk: Desk) -> None:
    assert desk.keeping.turns({"figures": 2})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-1)")
    assert not desk.keeping.turns({"figures": 2})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2.1)")
    assert desk.keeping.turns({"figures": 2})


def test_after_an_outage_of_the_database_leases_are_spared_until_their_holders_could_renew(desk: Desk) -> None:
    assert desk.keeping.turns({"figures": 1})
    desk.sql(f"UPDATE jurat_upkeep SET ran_at = NOW({-OUTAGE - 5})")
    assert not desk.keeping.turns({"figures": 1})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
    assert not desk.keeping.turns({"figures": 1}), "the time of grace goes on"
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2), hold_until = NOW(-0.1)")
    assert desk.keeping.turns({"figures": 1})


def test_a_pause_between_two_turns_is_no_outage(desk: Desk) -> None:
    assert desk.keeping.turns({"purge": 3600})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-3601)")
    assert desk.keeping.turns({"purge": 3600})


def test_there_is_no_turn_without_work(desk: Desk) -> None:
    def turns() -> set[str]:
        desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
        return desk.keeping.turns({"leases": 1, "overdue": 1, "reviews": 1})

    assert turns() == set()
    desk.submit_many(3)
    reviewed, lost, _ = desk.claim()
    desk.settle(reviewed, Review(Reason.NAME_DIFFERS, 3600))
    assert turns() == set()
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert turns() == {"reviews"}
    desk.sql("UPDATE jurat_checks SET lease_until = NOW(-1) WHERE id = :id", id=desk.id(lost.id))
    assert turns() == {"leases", "reviews"}
    desk.submit("p-9")
    desk.set_back("deadline_at", 1)
    assert turns() == {"leases", "overdue", "reviews"}
    with desk.statements() as seen:
        turns()
    assert len(seen) == 2


# ------------------------------------------------------------------------------------------------ leases


def test_a_lease_that_is_over_is_given_back_due_now_and_counted(desk: Desk) -> None:
    desk.submit_many(3)
    held = desk.claim(free=2)
    assert desk.keeping.end_leases() == []
    desk.set_back("lease_until", 1, "state = 'leased'")
    assert set(desk.keeping.end_leases()) == ids(held)
    for check in held:
        assert desk.row(check.id, "state, lost_leases, lookups, lease_until") == ("pending", 1, 0, None)
    assert len(desk.claim(free=9)) == 3


def test_the_third_worker_that_is_lost_ends_the_check(desk: Desk) -> None:
    desk.submit()
    for lost in range(MOST_LOST_LEASES):
        held = desk.claim_one()
        assert held.lost_leases == lost
        assert decide_without_look_up(held, desk.configuration.questions["budget", "residence"]) is None
        desk.set_back("lease_until", 1)
        desk.keeping.end_leases()
    held = desk.claim_one()
    decision = decide_without_look_up(held, desk.configuration.questions["budget", "residence"])
    assert decision is not None
    desk.settle(held, decision)
    assert desk.verdicts(held.id) == [("undetermined", "worker_lost")]
    assert desk.access() == AccessState.INCOMPLETE, "which costs no round"


def test_giving_back_forgives_nothing_and_costs_nothing(desk: Desk) -> None:
    held = desk.held()
    desk.set_back("lease_until", 1)
    desk.keeping.end_leases()
    desk.settle(desk.claim_one(), GiveBack())
    assert desk.row(held.id, "lost_leases") == 1


# ------------------------------------------------------------------------------------------------ reviews


def test_an_overdue_review_returns_to_the_workers_once(desk: Desk) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600), attempt=attempt(reason=Reason.NAME_DIFFERS))
    assert desk.keeping.end_reviews() == 0
    assert desk.claims.claim_overdue(10) == []
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.keeping.end_reviews() == 1
    assert desk.keeping.end_reviews() == 0
    (overdue,) = desk.claims.claim_overdue(10)
    decision = decide_without_look_up(overdue, desk.configuration.questions["budget", "profession"])
    assert decision is not None
    desk.settle(overdue, decision)
    assert desk.verdicts(held.id) == [("undetermined", "deadline_passed")]
    assert desk.row(held.id, "answer") is None


@pytest.mark.parametrize("reason", [Reason.WORKER_LOST, Reason.SOURCE_UNAVAILABLE])
def test_a_review_that_nobody_decides_keeps_its_technical_reason(desk: Desk, reason: Reason) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(reason, -1.0), attempt=attempt(reason=Reason.NAME_DIFFERS))
    desk.keeping.end_reviews()
    (overdue,) = desk.claims.claim_overdue(10)
    decision = decide_without_look_up(overdue, desk.configuration.questions["budget", "profession"])
    assert decision is not None
    desk.settle(overdue, decision)
    assert desk.verdicts(held.id) == [("undetermined", reason)]


# ------------------------------------------------------------------------------------------------ sources


def test_a_pause_stops_one_source_alone(desk: Desk) -> None:
    desk.keeping.pause("towns", 60, Reason.SOURCE_MAINTENANCE)
    row = {source.name: source for source in desk.reading.sources()}
    assert row["rpps"].paused_until is None
    assert row["towns"].pause_reason == "source_maintenance"
    paused = row["towns"].paused_until
    assert paused is not None
    assert timedelta(50) < timedelta(days=(paused - desk.reading.clock()).total_seconds()) <= timedelta(60)


def test_a_longer_pause_that_stands_is_kept_and_a_shorter_one_is_prolonged(desk: Desk) -> None:
    def until() -> float:
        (row,) = [source for source in desk.reading.sources() if source.name == "towns"]
        assert row.paused_until is not None
        return (row.paused_until - desk.reading.clock()).total_seconds()

    desk.keeping.pause("towns", 600, Reason.SOURCE_MAINTENANCE)
    desk.keeping.pause("towns", 30, Reason.SOURCE_THROTTLED)
    assert until() > 500
    desk.keeping.pause("towns", 900, Reason.SOURCE_THROTTLED)
    assert until() > 800


def test_when_a_source_answered_and_failed_is_kept(desk: Desk) -> None:
    desk.keeping.note({})
    desk.keeping.note({"towns": SourceFigures(answered=3), "rpps": SourceFigures(0, 2, Reason.SOURCE_UNREADABLE)})
    desk.keeping.note({"towns": SourceFigures(answered=1), "nobody": SourceFigures(answered=1)})
    rows = {source.name: source for source in desk.reading.sources()}
    assert set(rows) == {"towns", "ban", "rpps", "spring"}
    assert rows["towns"].last_success_at is not None
    assert rows["towns"].last_failure_at is None
    assert rows["rpps"].last_success_at is None
    assert (rows["rpps"].last_failure_at is not None, rows["rpps"].last_failure) == (True, "source_unreadable")


def test_figures_show_the_backlog_and_slow_the_polling_down(desk: Desk) -> None:
    checks = desk.submit_many(5)
    desk.set_back("due_at", 120, "participant = 'p-2'")
    desk.submit_many(300, "profession")
    desk.claim(free=1)
    desk.keeping.count_waiting()
    rows = {source.name: source for source in desk.reading.sources()}
    assert {name: row.waiting for name, row in rows.items()} == {"towns": 4, "ban": 0, "rpps": 300, "spring": 0}
    assert rows["ban"].oldest_due_at is None
    assert desk.result(checks[0].id).next_poll_ms == 250 + 4
    slow = desk.sql("SELECT check_id, next_poll_ms FROM jurat_results WHERE question = 'profession'")
    assert {row[1] for row in slow} == {550}


def test_upkeep_of_the_sources_and_claims_never_wait_for_each_other_in_a_circle(postgresql: Desk) -> None:
    desk = postgresql
    desk.submit_many(50)
    desk.submit_many(50, "profession")

    def claim(_: int) -> None:
        held = desk.claim("towns", 3, concurrency=40, interval=0.001) + desk.claim("rpps", 3, concurrency=40)
        desk.write(*(entry(check, GiveBack()) for check in held))

    def note(_: int) -> None:
        desk.keeping.note({name: SourceFigures(1) for name in ("towns", "rpps", "ban")})

    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(each, n) for n in range(60) for each in (claim, note, lambda _: desk.keeping.count_waiting())
        ]
        for done in work:
            done.result(60)


# ------------------------------------------------------------------------------------------------ purge


def test_only_what_is_past_its_time_is_purged_with_all_that_belongs_to_it(desk: Desk) -> None:
    desk.submit_many(3)
    past, kept, forever = desk.claim()
    desk.settle(past, ACCEPTED, retain=-1.0, attempt=attempt())
    desk.settle(kept, ACCEPTED, retain=60.0, attempt=attempt())
    desk.settle(forever, ACCEPTED, attempt=attempt())
    waiting = desk.submit("later")
    assert desk.keeping.purge() == 1
    assert desk.keeping.purge() == 0
    left = {row[0] for row in desk.sql("SELECT id FROM jurat_checks")}
    assert left == {desk.id(check.id) for check in (kept, forever, waiting)}
    assert {row[0] for row in desk.sql("SELECT check_id FROM jurat_attempts")} == {
        desk.id(kept.id),
        desk.id(forever.id),
    }
    assert desk.verdicts(kept.id) == [("accepted", "record_matches")]


def test_a_check_is_purged_when_its_newest_verdict_is_past_its_time(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, UNDETERMINED, retain=-1.0)
    desk.sql(
        "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,"
        " fence, decided_at, retain_until) VALUES (:id, 2, 'accepted', 'person_accepted', '{}', 'somebody', 1, 'towns',"
        " 1, NOW, NOW(60))",
        id=desk.id(held.id),
    )
    assert desk.keeping.purge() == 0
    assert desk.result(held.id).outcome is Outcome.ACCEPTED


def test_what_is_not_settled_is_never_purged(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Later(1, Reason.SOURCE_UNAVAILABLE), retain=-1.0)
    assert desk.keeping.purge() == 0


def test_a_lease_that_is_over_is_ended_by_whoever_looks_next(desk: Desk) -> None:
    desk.held()
    assert not desk.keeping.turns({"leases": 60.0}), "there is nothing to do"
    desk.set_back("lease_until", 1)
    assert desk.keeping.turns({"leases": 60.0}), "although the last turn was a moment ago"


def test_what_a_worker_lost_goes_before_what_came_later(desk: Desk) -> None:
    lost = desk.held("p-9")
    desk.submit_many(3)
    desk.set_back("lease_until", 1, "state = 'leased'")
    desk.keeping.end_leases()
    assert desk.claim_one().id == lost.id
