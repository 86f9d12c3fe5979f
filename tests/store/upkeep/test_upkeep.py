from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from jurat.vocabulary import AccessState, Outcome, Reason
from store.upkeep import pieces
from store.upkeep.turns import OUTAGE
from store.upkeep.upkeep import Upkeep
from tasks.checks import MOST_LOST_LEASES, GiveBack, Later, Review, Settle
from tasks.rules.decision import decide_without_look_up
from tests.store.desk import ACCEPTED, UNDETERMINED, Desk, attempt, entry, ids

PATIENCE = 60.0
"""Seconds that no turn of a test lasts."""

# ------------------------------------------------------------------------------------------------ turns


def test_a_piece_of_upkeep_is_done_once_in_its_time_over_all_workers(desk: Desk) -> None:
    workers = [Upkeep(desk.engine) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(lambda worker: worker.turns({"figures": 60}), workers))
    assert sorted(turns, key=len) == [set(), set(), set(), {"figures"}]
    assert not desk.upkeep.turns({"figures": 60})
    assert desk.upkeep.turns({"purge": 60})


def test_its_turn_comes_again_when_its_time_is_over(desk: Desk) -> None:
    assert desk.upkeep.turns({"figures": 2})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-1)")
    assert not desk.upkeep.turns({"figures": 2})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2.1)")
    assert desk.upkeep.turns({"figures": 2})


def test_after_an_outage_of_the_database_leases_are_spared_until_their_holders_could_renew(desk: Desk) -> None:
    assert desk.upkeep.turns({"figures": 1})
    desk.sql(f"UPDATE jurat_upkeep SET ran_at = NOW({-OUTAGE - 5})")
    assert not desk.upkeep.turns({"figures": 1})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
    assert not desk.upkeep.turns({"figures": 1}), "the time of grace goes on"
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2), hold_until = NOW(-0.1)")
    assert desk.upkeep.turns({"figures": 1})


def test_a_pause_between_two_turns_is_no_outage(desk: Desk) -> None:
    assert desk.upkeep.turns({"purge": 3600})
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-3601)")
    assert desk.upkeep.turns({"purge": 3600})


def test_there_is_no_turn_without_work(desk: Desk) -> None:
    def turns() -> set[str]:
        desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
        return desk.upkeep.turns({"leases": 1, "overdue": 1, "reviews": 1})

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
    assert desk.upkeep.end_leases() == []
    desk.set_back("lease_until", 1, "state = 'leased'")
    assert set(desk.upkeep.end_leases()) == ids(held)
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
        desk.upkeep.end_leases()
    held = desk.claim_one()
    decision = decide_without_look_up(held, desk.configuration.questions["budget", "residence"])
    assert decision is not None
    desk.settle(held, decision)
    assert desk.verdicts(held.id) == [("undetermined", "worker_lost")]
    assert desk.access() == AccessState.INCOMPLETE, "which costs no round"


def test_giving_back_forgives_nothing_and_costs_nothing(desk: Desk) -> None:
    held = desk.held()
    desk.set_back("lease_until", 1)
    desk.upkeep.end_leases()
    desk.settle(desk.claim_one(), GiveBack())
    assert desk.row(held.id, "lost_leases") == 1


# ------------------------------------------------------------------------------------------------ reviews


def test_an_overdue_review_returns_to_the_workers_once(desk: Desk) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600), attempt=attempt(reason=Reason.NAME_DIFFERS))
    assert desk.upkeep.end_reviews() == 0
    assert desk.claims.claim_overdue(10, {}) == []
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.upkeep.end_reviews() == 1
    assert desk.upkeep.end_reviews() == 0
    (overdue,) = desk.claims.claim_overdue(10, {})
    decision = decide_without_look_up(overdue, desk.configuration.questions["budget", "profession"])
    assert decision is not None
    desk.settle(overdue, decision)
    assert desk.verdicts(held.id) == [("undetermined", "deadline_passed")]
    assert desk.row(held.id, "answer") is None


@pytest.mark.parametrize("reason", [Reason.WORKER_LOST, Reason.SOURCE_UNAVAILABLE])
def test_a_review_that_nobody_decides_keeps_its_technical_reason(desk: Desk, reason: Reason) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(reason, -1.0), attempt=attempt(reason=Reason.NAME_DIFFERS))
    desk.upkeep.end_reviews()
    (overdue,) = desk.claims.claim_overdue(10, {})
    decision = decide_without_look_up(overdue, desk.configuration.questions["budget", "profession"])
    assert decision is not None
    desk.settle(overdue, decision)
    assert desk.verdicts(held.id) == [("undetermined", reason)]


# ------------------------------------------------------------------------------------------------ candidates


def test_candidates_are_erased_when_their_time_is_over(desk: Desk) -> None:
    desk.submit_many(3)
    verdict = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed")
    desk.write(*(entry(check, verdict) for check in desk.claim()))
    assert desk.upkeep.erase_candidates() == 0
    desk.sql("UPDATE jurat_checks SET candidates_until = NOW(-1) WHERE participant <> 'p-1'")
    assert desk.upkeep.erase_candidates() == 2
    assert desk.upkeep.erase_candidates() == 0
    left = desk.sql("SELECT participant FROM jurat_checks WHERE candidates IS NOT NULL")
    assert [row[0] for row in left] == ["p-1"]
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE candidates_until IS NULL") == 2


def test_candidates_of_many_are_erased_in_one_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BATCH", 2)
    monkeypatch.setattr(pieces, "TURN_S", PATIENCE)
    for number in range(7):
        held = desk.held(f"p-{number}")
        desk.settle(held, Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed"))
    desk.set_back("candidates_until", 1)
    assert desk.upkeep.erase_candidates() == 7
    desk.submit_many(1)
    assert desk.upkeep.erase_candidates() == 0


def test_many_reviews_are_ended_in_one_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BATCH", 2)
    monkeypatch.setattr(pieces, "TURN_S", PATIENCE)
    for number in range(7):
        desk.settle(desk.held(f"p-{number}"), Review(Reason.NAME_DIFFERS, 60.0))
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.upkeep.end_reviews() == 7
    assert desk.upkeep.end_reviews() == 0


def test_a_turn_is_over_after_its_time_however_much_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BATCH", 2)
    monkeypatch.setattr(pieces, "TURN_S", 0.0)
    for number in range(5):
        desk.settle(desk.held(f"p-{number}"), Review(Reason.NAME_DIFFERS, 60.0))
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert [desk.upkeep.end_reviews() for _ in range(4)] == [2, 2, 1, 0]


def test_candidates_have_a_turn_only_where_some_are_over(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed"))
    assert desk.upkeep.turns({"candidates": 1}) == set()
    desk.set_back("candidates_until", 1)
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
    assert desk.upkeep.turns({"candidates": 1}) == {"candidates"}


def test_candidates_go_with_their_check(desk: Desk) -> None:
    verdict = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed")
    desk.settle(desk.held(), verdict, retain=-1.0)
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_checks") == 0


# ------------------------------------------------------------------------------------------------ purge


def test_only_what_is_past_its_time_is_purged_with_all_that_belongs_to_it(desk: Desk) -> None:
    desk.submit_many(3)
    past, kept, forever = desk.claim()
    desk.settle(past, ACCEPTED, retain=-1.0, attempt=attempt())
    desk.settle(kept, ACCEPTED, retain=60.0, attempt=attempt())
    desk.settle(forever, ACCEPTED, attempt=attempt())
    waiting = desk.submit("later")
    assert desk.upkeep.purge() == 1
    assert desk.upkeep.purge() == 0
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
        " fence, decided_at, retain_until) VALUES (:id, 2, 'accepted', 'person_accepted', '{}', 'someone', 1, 'towns',"
        " 1, NOW, NOW(60))",
        id=desk.id(held.id),
    )
    assert desk.upkeep.purge() == 0
    assert desk.result(held.id).outcome is Outcome.ACCEPTED


def test_what_is_not_settled_is_never_purged(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Later(1, Reason.SOURCE_UNAVAILABLE), retain=-1.0)
    assert desk.upkeep.purge() == 0


def test_a_lease_that_is_over_is_ended_by_whoever_looks_next(desk: Desk) -> None:
    desk.held()
    assert not desk.upkeep.turns({"leases": 60.0}), "there is nothing to do"
    desk.set_back("lease_until", 1)
    assert desk.upkeep.turns({"leases": 60.0}), "although the last turn was a moment ago"


def test_what_a_worker_lost_goes_before_what_came_later(desk: Desk) -> None:
    lost = desk.held("p-9")
    desk.submit_many(3)
    desk.set_back("lease_until", 1, "state = 'leased'")
    desk.upkeep.end_leases()
    assert desk.claim_one().id == lost.id
