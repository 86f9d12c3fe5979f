"""One row that the database refuses to change, by a trigger of the platform's own, keeps no other from its due."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from jurat.vocabulary import Outcome, Reason
from store.in_parts import LEFT_OUT_S, LeftOut
from store.upkeep import pieces
from tasks.checks import MOST_LOST_LEASES, Later, Review, Settle
from tasks.rules.source_limits import Demand
from tests.store.desk import ACCEPTED, DOCUMENT, UNDETERMINED, Desk, entry, ids
from tests.store.refusals import refusing, row_of_the_platforms_held

# ------------------------------------------------------------------------------------------------ the writer


@pytest.mark.parametrize("table", ["jurat_verdicts", "jurat_access", "jurat_checks"])
def test_the_others_of_a_batch_are_written_and_the_one_is_named(desk: Desk, table: str) -> None:
    desk.submit_many(20)
    held = desk.claim(free=20)
    with refusing(desk, "p-7", table):
        written = desk.write(*map(entry, held))
        assert {each.held.participant for each in written.done} == {f"p-{n}" for n in range(20) if n != 7}
        ((alone, why),) = written.failed
        assert (alone.held.participant, written.stale, written.busy) == ("p-7", [], [])
        assert isinstance(why, DBAPIError)
        assert desk.row(alone.held.id, "state") == "leased"
        assert desk.verdicts(alone.held.id) == []
    assert len(desk.write(alone).done) == 1
    assert desk.verdicts(alone.held.id) == [("accepted", "record_matches")]


def test_evidence_that_cannot_be_stored_of_one_whom_the_database_refuses_is_a_failure_like_any(desk: Desk) -> None:
    desk.submit_many(3)
    held = sorted(desk.claim(), key=lambda check: check.participant)
    unstorable = Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"half": float("nan")}, date(2026, 11, 1))
    with refusing(desk, "p-1"):
        written = desk.write(entry(held[0]), entry(held[1], unstorable), entry(held[2]))
    assert (len(written.done), [each.held.participant for each, _ in written.failed]) == (2, ["p-1"])


@pytest.mark.slow
def test_a_check_whose_row_somebody_holds_is_busy_and_the_others_are_written(postgresql: Desk) -> None:
    desk = postgresql
    desk.submit_many(6)
    held = sorted(desk.claim(), key=lambda check: check.participant)
    with desk.engine.execution_options(jurat_bounded=False).connect() as platform, platform.begin():
        platform.execute(text("SELECT 1 FROM jurat_checks WHERE participant = 'p-2' FOR UPDATE"))
        for some in (held[:3], held[3:]):
            written = desk.write(*map(entry, some))
            assert (len(written.done) + len(written.busy), written.stale, written.failed) == (3, [], [])
        assert desk.one("SELECT count(*) FROM jurat_verdicts") == 5
    assert len(desk.write(entry(held[2])).done) == 1


@pytest.mark.slow
def test_while_a_row_is_held_the_next_writes_wait_for_nothing(postgresql: Desk) -> None:
    desk = postgresql
    desk.submit_many(4)
    held = sorted(desk.claim(), key=lambda check: check.participant)
    with desk.engine.execution_options(jurat_bounded=False).connect() as platform, platform.begin():
        platform.execute(text("SELECT 1 FROM jurat_checks WHERE participant IN ('p-2', 'p-3') FOR UPDATE"))
        desk.write(*map(entry, held[:3]))
        with desk.statements() as seen:
            written = desk.write(*map(entry, held[2:]))
        assert [len(each) for each in (written.done, written.busy, written.stale)] == [0, 2, 0]
        assert any("jurat_checks" in statement and "SKIP LOCKED" in statement for statement in seen)
        stale = desk.write(entry(held[0]), entry(held[3]))
        assert [len(each) for each in (stale.done, stale.busy, stale.stale)] == [0, 1, 1]


def test_a_platforms_foreign_key_on_what_is_looked_up_keeps_nobody_waiting(postgresql: Desk) -> None:
    """A row that refers to a check, or to an access row, takes a lock on it until its transaction ends."""
    desk = postgresql
    waiting, held = desk.submit("p-1"), desk.held("p-2", "profession")
    keys = "(consultation, participant)"
    desk.sql("CREATE TABLE votes (id uuid REFERENCES jurat_checks, consultation text, participant text, "
             f"FOREIGN KEY {keys} REFERENCES jurat_access {keys})")  # fmt: skip
    try:
        with desk.engine.execution_options(jurat_bounded=False).connect() as platform, platform.begin():
            for check, participant in ((waiting.id, "p-1"), (held.id, "p-2")):
                vote = {"id": check, "of": participant}
                platform.execute(text("INSERT INTO votes VALUES (:id, 'budget', :of)"), vote)
            assert ids(desk.claim()) == {waiting.id}
            assert len(desk.settle(held).done) == 1
    finally:
        desk.sql("DROP TABLE votes")


def test_a_look_up_that_failed_is_put_off_for_the_others(desk: Desk) -> None:
    desk.submit_many(3)
    held = desk.claim()
    with refusing(desk, "p-1", "jurat_checks"):
        written = desk.write(*(entry(check, Later(1, Reason.SOURCE_UNAVAILABLE)) for check in held))
    assert (len(written.done), len(written.failed)) == (2, 1)
    assert len(desk.settle(written.failed[0][0].held, ACCEPTED).done) == 1


# ------------------------------------------------------------------------------------------------ claims

Refuses = Callable[..., AbstractContextManager[None]]


@pytest.fixture(params=["at once", "at the commit"])
def refuses(request: pytest.FixtureRequest, desk: Desk) -> Refuses:
    """`refusing`, also by a constraint that is deferred."""
    deferred = request.param == "at the commit"
    if deferred and not desk.postgresql:
        pytest.skip("SQLite defers no trigger")
    return partial(refusing, deferred=deferred)


def test_the_others_are_claimed_and_the_one_once_it_may_be(desk: Desk, refuses: Refuses) -> None:
    now = [100.0]
    desk.claims._left_out = LeftOut(desk.engine, lambda: now[0])
    desk.submit_many(5)
    with refuses(desk, "p-0", "jurat_checks"), capture_logs() as logs:
        assert len(desk.claim(free=3)) == 3
        assert len(desk.claim(free=3, concurrency=9)) == 1
        assert desk.claim() == []
    assert [line["event"].partition(":")[0] for line in logs] == ["check not claimed"], "and not each time"
    assert desk.claim() == []
    now[0] += LEFT_OUT_S
    (held,) = desk.claim()
    assert (held.participant, held.fence) == ("p-0", 1)


def test_a_last_chance_is_given_to_another_where_the_first_is_refused(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(3)
    desk.sql("UPDATE jurat_checks SET lost_leases = :lost", lost=MOST_LOST_LEASES - 1)
    with refuses(desk, "p-0", "jurat_checks"):
        taken = [desk.claims.claim_alone([Demand("towns", 1)]) for _ in range(3)]
    assert {held.participant for held in taken if held} == {"p-1", "p-2"}


# ------------------------------------------------------------------------------------------------ upkeep


def test_the_other_leases_are_renewed(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    held = desk.claim()
    with refuses(desk, "p-3", "jurat_checks"):
        assert desk.claims.renew(held) == {check.id for check in held if check.participant != "p-3"}


def test_the_other_leases_are_ended(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    desk.claim()
    desk.set_back("lease_until", 1)
    with refuses(desk, "p-3", "jurat_checks"):
        assert len(desk.upkeep.end_leases()) == 4
        with pytest.raises(DBAPIError):
            desk.upkeep.end_leases()
    assert len(desk.upkeep.end_leases()) == 1
    assert desk.one("SELECT sum(lost_leases) FROM jurat_checks") == 5


def test_the_other_deadlines_are_ended(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    desk.set_back("deadline_at", 1)
    with refuses(desk, "p-3", "jurat_checks"):
        assert len(desk.claims.claim_overdue(100, {})) == 4
        with pytest.raises(DBAPIError):
            desk.claims.claim_overdue(100, {})
    assert len(desk.claims.claim_overdue(100, {})) == 1


def test_the_other_candidates_are_erased(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    for check in desk.claim():
        desk.settle(check, Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed"))
    desk.set_back("candidates_until", 1)
    with refuses(desk, "p-3", "jurat_checks"), pytest.raises(DBAPIError):
        desk.upkeep.erase_candidates()
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE candidates IS NOT NULL") == 1
    assert desk.upkeep.erase_candidates() == 1


def test_the_other_reviews_are_ended(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    for check in desk.claim():
        desk.settle(check, Review(Reason.NAME_DIFFERS, 3600))
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    with refuses(desk, "p-3", "jurat_access"), pytest.raises(DBAPIError):
        desk.upkeep.end_reviews()
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'review'") == 1
    assert desk.upkeep.end_reviews() == 1


def test_the_others_are_purged(desk: Desk, refuses: Refuses) -> None:
    desk.submit_many(5)
    for check in desk.claim():
        desk.settle(check, UNDETERMINED, retain=0.0)
    with refuses(desk, "p-3", "jurat_checks", event="DELETE"), pytest.raises(DBAPIError):
        desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_checks") == 1
    assert desk.upkeep.purge() == 1


def test_a_lease_that_is_refused_is_found_behind_any_number_of_checks_that_nobody_may_take(
    desk: Desk, refuses: Refuses
) -> None:
    desk.submit_many(1001)
    desk.submit("p-bad", "profession")
    desk.submit("p-good", "profession")
    desk.sql("UPDATE jurat_sources SET paused_until = NOW(600) WHERE name = 'towns'")
    with refuses(desk, "p-bad", "jurat_checks"):
        held, _ = desk.claims.claim([Demand("towns", 4), Demand("rpps", 4)], 4)
    assert [each.participant for each in held] == ["p-good"]


@pytest.mark.slow
def test_a_row_that_a_platform_holds_keeps_nobody_else_s_from_being_purged(postgresql: Desk) -> None:
    postgresql.submit_many(5)
    for check in postgresql.claim():
        postgresql.settle(check, UNDETERMINED, retain=0.0)
    with postgresql.engine.execution_options(jurat_bounded=False).connect() as platform, platform.begin():
        platform.execute(text("SELECT 1 FROM jurat_checks WHERE participant = 'p-0' FOR KEY SHARE"))
        assert postgresql.upkeep.purge() == 4
    assert postgresql.upkeep.purge() == 1


@pytest.mark.slow
def test_a_row_that_somebody_holds_keeps_no_other_review_from_its_end(postgresql: Desk) -> None:
    postgresql.submit_many(3)
    for check in postgresql.claim():
        postgresql.settle(check, Review(Reason.NAME_DIFFERS, 3600))
    postgresql.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    with postgresql.engine.execution_options(jurat_bounded=False).connect() as holder, holder.begin():
        holder.execute(text("SELECT 1 FROM jurat_checks WHERE participant = 'p-0' FOR UPDATE"))
        assert postgresql.upkeep.end_reviews() == 2
    assert postgresql.upkeep.end_reviews() == 1


@pytest.fixture
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BATCH", 2)


def test_any_number_of_leases_that_are_refused_keep_no_other(desk: Desk, two_at_a_time: None) -> None:
    desk.submit_many(7)
    for held in desk.claim():
        desk.set_back("lease_until", 9 - int(held.participant[2:]), f"participant = '{held.participant}'")
    with refusing(desk, "p-0", "jurat_checks", when="true OR NEW.participant < 'p-4'"):
        assert len(desk.upkeep.end_leases()) == 3


def test_any_number_of_reviews_that_are_refused_or_held_keep_no_other(postgresql: Desk, two_at_a_time: None) -> None:
    postgresql.submit_many(7)
    for check in postgresql.claim():
        postgresql.settle(check, Review(Reason.NAME_DIFFERS, 3600))
    postgresql.sql(
        "UPDATE jurat_reviews r SET due_at = NOW(-9) + make_interval(secs => right(c.participant, 1)::int) "
        "FROM jurat_checks c WHERE c.id = r.check_id"
    )
    bounded = postgresql.engine.execution_options(jurat_bounded=False)
    with refusing(postgresql, "p-3", "jurat_access"), bounded.connect() as platform, platform.begin():
        platform.execute(text("SELECT 1 FROM jurat_access WHERE participant IN ('p-0', 'p-1', 'p-2') FOR UPDATE"))
        with pytest.raises(DBAPIError):
            postgresql.upkeep.end_reviews()
    assert postgresql.one("SELECT count(*) FROM jurat_checks WHERE state = 'review'") == 4
    assert postgresql.upkeep.end_reviews() == 4


# ------------------------------------------------------------------------------------------------ rows that are held


@pytest.mark.slow
def test_a_row_of_the_platforms_own_that_it_holds_keeps_no_other_check_from_a_claim(postgresql: Desk) -> None:
    postgresql.submit_many(5)
    with row_of_the_platforms_held(postgresql, "p-3"):
        assert {each.participant for each in postgresql.claim()} == {f"p-{n}" for n in range(5) if n != 3}


@pytest.mark.slow
def test_nor_from_keeping_its_lease_and_no_half_waits_as_long_as_the_whole(postgresql: Desk) -> None:
    postgresql.submit_many(16)
    held = postgresql.claim(free=16)
    with row_of_the_platforms_held(postgresql, "p-3"), postgresql.statements() as seen:
        assert postgresql.claims.renew(held) == {check.id for check in held if check.participant != "p-3"}
    renewals = sum("lease_until" in statement for statement in seen)
    assert sum("lock_timeout" in statement for statement in seen) == renewals - 1 > 2


@pytest.mark.slow
def test_nor_from_what_upkeep_does(postgresql: Desk) -> None:
    postgresql.submit_many(5)
    postgresql.claim()
    postgresql.set_back("lease_until", 1)
    with row_of_the_platforms_held(postgresql, "p-3"):
        assert len(postgresql.upkeep.end_leases()) == 4
    postgresql.set_back("deadline_at", 1)
    with row_of_the_platforms_held(postgresql, "p-3"):
        assert len(postgresql.claims.claim_overdue(100, {})) == 4


def test_access_is_added_up_for_all_but_those_whom_the_database_refuses_or_the_platform_holds(
    desk: Desk, refuses: Refuses
) -> None:
    settled_before_the_rule_changed(desk)
    with refuses(desk, "p-1", "jurat_access"), pytest.raises(DBAPIError):
        desk.upkeep.add_up_access()
    assert granted(desk) == {"p-0", "p-2", "p-3"}
    assert desk.upkeep.add_up_access() == 1


@pytest.mark.slow
def test_access_is_added_up_for_all_but_those_whose_row_of_the_platforms_is_held(postgresql: Desk) -> None:
    settled_before_the_rule_changed(postgresql)
    with row_of_the_platforms_held(postgresql, "p-1", "jurat_access"):
        assert postgresql.upkeep.add_up_access() == 3
    assert granted(postgresql) == {"p-0", "p-2", "p-3"}
    assert postgresql.upkeep.add_up_access() == 1


def settled_before_the_rule_changed(desk: Desk) -> None:
    """One of two answers of four participants is accepted, and then it is enough."""
    desk.submit_many(4)
    desk.write(*map(entry, desk.claim()))
    budget = {**DOCUMENT["consultations"]["budget"], "access": "residence"}
    desk.apply({**DOCUMENT, "consultations": {**DOCUMENT["consultations"], "budget": budget}})


def granted(desk: Desk) -> set[str]:
    return {row[0] for row in desk.sql("SELECT participant FROM jurat_access WHERE access = 'granted'")}
