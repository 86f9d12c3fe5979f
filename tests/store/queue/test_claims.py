from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import combinations

import pytest
from sqlalchemy import text

from jurat.vocabulary import Priority, Reason
from store.queue import claims as claiming
from store.queue.claims import Claims
from store.queue.leases import LEASE
from store.schema.status import MIGRATIONS
from tasks.checks import MOST_LOST_LEASES, ClaimedCheck, Ended, GiveBack, Later, Review
from tasks.rules.source_limits import AHEAD, Demand, Queue, turns
from tests.store.desk import DOCUMENT, Desk, attempt, entry, ids


def give_back(desk: Desk, held: list[ClaimedCheck]) -> None:
    written = desk.write(*(entry(check, GiveBack()) for check in held))
    assert len(written.done) == len(held)


# ------------------------------------------------------------------------------------------------ what a claim takes


def test_a_claim_takes_many_checks_in_one_statement(desk: Desk) -> None:
    checks = desk.submit_many(30)
    with desk.statements() as seen:
        held = desk.claim(free=30)
    assert ids(held) == ids(checks)
    assert [statement.split()[0] for statement in seen] == ["WITH", "UPDATE"]


def test_a_claim_gives_each_check_a_fence_and_a_lease(desk: Desk) -> None:
    check = desk.submit(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    held = desk.claim_one()
    assert (held.id, held.fence, held.lookups, held.lost_leases) == (check.id, 1, 0, 0)
    assert (held.consultation, held.participant, held.question, held.source) == ("budget", "p-1", "residence", "towns")
    assert held.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert held.sealed is not None
    assert json.loads(desk.unseal.open(held.sealed, held.answer_key)) == {"word": "accept"}
    assert 3590 < held.seconds_left < 3600.01
    assert not held.overdue
    assert desk.row(check.id, "state") == "leased"
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until > NOW({LEASE - 5})") == 1
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until > NOW({LEASE})") == 0


def test_the_fence_rises_with_every_claim(desk: Desk) -> None:
    desk.submit()
    fences = []
    for _ in range(4):
        held = desk.claim_one()
        fences.append(held.fence)
        give_back(desk, [held])
    assert fences == [1, 2, 3, 4]


def test_every_way_of_claiming_brings_the_platforms_key_and_what_was_seen_before(desk: Desk) -> None:
    key = bytes(range(32))
    check = desk.submit(reply_key=key)
    desk.sql("UPDATE jurat_checks SET leaning = 'inside'")

    def overdue() -> ClaimedCheck:
        desk.set_back("deadline_at", 1)
        (held,) = desk.claims.claim_overdue(1, {})
        return held

    def alone() -> ClaimedCheck | None:
        desk.sql("UPDATE jurat_checks SET lost_leases = 2")
        return desk.claims.claim_alone([Demand("towns", 1)])

    ways: tuple[Callable[[], ClaimedCheck | None], ...] = (desk.claim_one, alone, overdue)
    for claim in ways:
        held = claim()
        assert held is not None
        assert (held.id, held.reply_key, held.leaning) == (check.id, key, "inside")
        give_back(desk, [held])


def test_what_is_held_is_not_claimed_again(desk: Desk) -> None:
    desk.submit_many(3)
    assert len(desk.claim()) == 3
    assert desk.claim() == []


def test_a_check_that_is_due_later_is_not_claimed(desk: Desk) -> None:
    desk.settle(desk.held(), Later(60, Reason.SOURCE_UNAVAILABLE))
    assert desk.claim() == []
    desk.set_back("due_at", 0)
    assert len(desk.claim()) == 1


def test_a_claim_takes_no_more_than_the_slots_and_no_more_of_a_source_than_is_free(desk: Desk) -> None:
    desk.submit_many(10)
    desk.submit_many(10, "profession")
    demands = [Demand("towns", 3), Demand("rpps", 10)]
    held = desk.take(demands, 8)
    assert len(held) == 8
    assert sum(check.source == "towns" for check in held) == 3
    assert desk.take(demands, 0) == []


def test_the_order_of_the_demands_says_who_is_served_first(desk: Desk) -> None:
    desk.submit_many(5)
    desk.submit_many(5, "profession")
    assert {check.source for check in desk.take([Demand("rpps", 5), Demand("towns", 5)], 4)} == {"rpps"}


def test_an_interactive_check_goes_before_bulk_ones_that_came_first(desk: Desk) -> None:
    desk.submit_many(5, priority=Priority.BULK)
    desk.set_back("due_at", 100)
    waiting = desk.submit("late", priority=Priority.INTERACTIVE)
    assert desk.claim_one().id == waiting.id
    assert len(desk.claim(free=10)) == 5


def test_among_equals_the_oldest_goes_first(desk: Desk) -> None:
    checks = [desk.submit(f"p-{n}") for n in range(4)]
    for age, check in zip((10, 40, 20, 30), checks, strict=True):
        desk.sql(f"UPDATE jurat_checks SET due_at = NOW({-age}) WHERE id = :id", id=desk.id(check.id))
    assert [desk.claim_one().id for _ in checks] == [checks[n].id for n in (1, 3, 2, 0)]


@pytest.mark.parametrize("free", [1, 7, 8, 23, 64, 200])
def test_consultations_take_turns_whatever_waits_of_each(desk: Desk, free: int) -> None:
    waiting = {"budget": 1, "culture": 2, "parks": 5, "roads": 60, "schools": 60}
    document = deepcopy(dict(DOCUMENT))
    document["consultations"] = dict.fromkeys(waiting, document["consultations"]["budget"])
    desk.apply(document)
    for name, count in waiting.items():
        desk.submit_many(count, consultation=name)
        desk.submit_many(count, consultation=name, priority="bulk", first=count)
        desk.submit(f"later-{name}", consultation=name)
    desk.sql("UPDATE jurat_checks SET due_at = NOW(60) WHERE participant LIKE 'later-%'")
    due = {Queue(priority, name): count for priority in Priority for name, count in waiting.items()}
    held = desk.claim(free=free)
    assert [check.consultation for check in held] == [queue.consultation for queue in turns(due, free, {}, 0.5)]


def test_a_paused_source_gives_nothing_until_its_pause_is_over(desk: Desk) -> None:
    desk.submit_many(2)
    desk.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    assert desk.claim() == []
    desk.sql("UPDATE jurat_sources SET paused_until = NOW(-1)")
    assert len(desk.claim()) == 2


def test_looking_for_work_where_there_is_none_is_one_statement(desk: Desk) -> None:
    with desk.statements() as seen:
        assert desk.take([Demand("towns", 9, concurrency=4, interval=0.1), Demand("rpps", 9)], 9) == []
    assert len(seen) == 1


def test_a_claim_is_on_disk_before_it_is_worked_on(desk: Desk) -> None:
    """A crash of the machine must not give a fence out twice."""
    if desk.postgresql:
        assert desk.one("SELECT count(*) FROM pg_settings WHERE name = 'synchronous_commit' AND source = 'client'") == 0
    else:
        assert desk.one("PRAGMA synchronous") == 2


# ------------------------------------------------------------------------------------------------ limits of a source


def test_a_claim_leaves_what_other_workers_hold_of_the_concurrency(desk: Desk) -> None:
    desk.submit_many(10)
    first = desk.claim(free=3, concurrency=4)
    second = desk.claim(free=3, concurrency=4)
    assert (len(first), len(second)) == (3, 1)
    assert desk.claim(free=3, concurrency=4) == []
    give_back(desk, first)
    assert len(desk.claim(free=10, concurrency=4)) == 3


def together(*calls: Callable[[], list[ClaimedCheck]]) -> list[ClaimedCheck]:
    """What calls that start at the same moment claim between them."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], list[ClaimedCheck]]) -> list[ClaimedCheck]:
        start.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [held for done in [pool.submit(run, call) for call in calls] for held in done.result(100)]


def test_a_claim_says_where_a_write_would_make_room_for_more(desk: Desk) -> None:
    desk.submit_many(3)
    assert len(desk.claim(free=9, concurrency=2)) == 2
    assert desk.claims.held_back == {"towns"}, "of these two"
    assert len(desk.claim(free=9, concurrency=3)) == 1
    assert desk.claims.held_back == set(), "there was no more"
    assert desk.claim(free=9, concurrency=3) == []
    assert desk.claims.held_back == set(), "nor was there then"
    desk.submit_many(2, first=3)
    assert len(desk.claim(free=9, concurrency=4)) == 1
    assert desk.claims.held_back == {"towns"}
    assert len(desk.claim(free=1, concurrency=5)) == 1
    assert desk.claims.held_back == set(), "the process has no slot for more"
    desk.submit_many(9, first=5)
    assert len(desk.claim(free=9, concurrency=9, interval=600.0, burst=2)) == 2
    assert desk.claims.held_back == set(), "more may not start yet"


def test_two_claimers_at_once_never_exceed_the_concurrency(desk: Desk) -> None:
    desk.submit_many(20)
    demand = Demand("towns", 3, concurrency=3)
    for _ in range(40 if desk.postgresql else 10):
        taken = together(*[lambda: desk.take([demand], 3)] * 2)
        assert len(taken) == 3
        give_back(desk, taken)


def test_what_a_claim_waited_for_another_s_makes_no_look_up_late(postgresql: Desk) -> None:
    """Start times count from the clock as it was read behind the other claim."""
    desk = postgresql
    desk.submit_many(1)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def claim() -> tuple[ClaimedCheck, float]:
        begun = time.monotonic()
        (held,) = desk.claim(free=1, interval=1.0, burst=9, late=60.0)
        return held, time.monotonic() - begun

    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as other:
            other.execute(text("SELECT name FROM jurat_sources FOR UPDATE"))
            claiming = pool.submit(claim)
            while not desk.one(waiting):
                assert not claiming.done()
            begun = time.monotonic()
            time.sleep(1.0)
            waited = time.monotonic() - begun
        held, took = claiming.result(60)
    assert took > waited
    assert 60.0 - held.late < took - 0.9 * waited


def test_a_claim_that_took_long_once_does_not_keep_the_next_from_taking(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where little lateness is allowed, what claims took is waited for: longer than start times reach, after this."""
    desk.submit_many(2)
    demand = Demand("towns", 1, interval=0.001, burst=1, late=0.2)
    monkeypatch.setattr(claiming, "crash_point", lambda name: time.sleep(1.0 if name == "claim.made" else 0.0))
    assert len(desk.take([demand], 1)) == 1
    monkeypatch.undo()
    (held,) = desk.take([demand], 1)
    assert held.starts_in + held.late > 1.0, "a claim that takes as long again is in time"


def test_claimers_at_once_never_take_the_same_check(desk: Desk) -> None:
    checks = desk.submit_many(60)
    taken = together(*[lambda: desk.claim(free=15)] * 4)
    assert len(taken) == len(ids(taken))
    taken += desk.claim(free=60)
    assert ids(taken) == ids(checks)


def test_a_row_that_somebody_holds_keeps_no_other_check_waiting_and_brings_none_forward(postgresql: Desk) -> None:
    postgresql.submit_many(4)
    postgresql.set_back("due_at", -60, "participant = 'p-3'")
    with postgresql.engine.execution_options(jurat_bounded=False).connect() as holder, holder.begin():
        holder.execute(text("SELECT 1 FROM jurat_checks WHERE participant = 'p-1' FOR UPDATE"))
        assert {held.participant for held in postgresql.claim()} == {"p-0", "p-2"}
    assert postgresql.claim_one().participant == "p-1"


@pytest.mark.slow
def test_a_rate_with_a_burst_is_kept_over_all_claimers(desk: Desk) -> None:
    """In any stretch of time no more start than the burst and what the rate adds; start times reach 1 s ahead."""
    desk.submit_many(200)
    demand = Demand("towns", 50, interval=0.02, burst=5, late=0.04)
    begun = time.monotonic()
    starts: list[tuple[float, float]] = []
    ahead = AHEAD
    while len(starts) < 120:
        asked = time.monotonic()
        held = together(*[lambda: desk.take([demand], 50)] * 2)
        got = time.monotonic()
        # Not before the database's clock was read, nor later than what is left of the lateness.
        starts += [(asked - begun + check.starts_in, got - begun + check.starts_in) for check in held]
        # A claim that took long makes the next give more notice, also that of the other claimer at the same moment.
        ahead = max(ahead, 2 * (got - asked) + AHEAD / 2)
        assert all(check.starts_in <= ahead for check in held)
        assert len(starts) <= 5 + (got - begun + ahead) / 0.02
    starts.sort()
    for first, last in combinations(range(0, len(starts), 5), 2):
        window = max(latest for _, latest in starts[first : last + 1]) - starts[first][0]
        assert last - first + 1 <= 5 + window / 0.02


def test_a_source_that_rested_may_burst_but_not_save_up_more(desk: Desk) -> None:
    desk.submit_many(30)
    desk.sql("UPDATE jurat_sources SET next_start_at = NOW(-3600)")
    assert len(desk.claim(free=30, interval=60, burst=4, late=0)) == 4
    assert desk.claim(free=30, interval=60, burst=4, late=0) == []


def test_only_what_was_taken_is_paid(desk: Desk) -> None:
    desk.submit("alone")
    assert len(desk.claim(free=30, interval=60, burst=4, late=0)) == 1
    desk.submit_many(30)
    assert len(desk.claim(free=30, interval=60, burst=4, late=0)) == 3


# ------------------------------------------------------------------------------------------------ overdue


def test_an_overdue_check_is_claimed_whatever_its_source_does(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Later(30, Reason.SOURCE_UNAVAILABLE), attempt=attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE))
    desk.sources.pause("towns", 600, Reason.SOURCE_UNAVAILABLE)
    assert desk.claims.claim_overdue(10, {}) == []
    desk.set_back("deadline_at", 1)
    (overdue,) = desk.claims.claim_overdue(10, {})
    assert overdue.id == held.id
    assert overdue.overdue
    assert overdue.last_reason is Reason.SOURCE_UNAVAILABLE
    assert not overdue.reviewed
    assert overdue.fence == 2


def test_an_overdue_check_that_was_never_looked_up_has_no_last_reason(desk: Desk) -> None:
    desk.submit()
    desk.set_back("deadline_at", 1)
    (overdue,) = desk.claims.claim_overdue(10, {})
    assert overdue.last_reason is None


def test_overdue_checks_are_claimed_in_parts_the_oldest_first(desk: Desk) -> None:
    checks = desk.submit_many(6)
    for age, check in enumerate(checks, 1):
        desk.sql(f"UPDATE jurat_checks SET deadline_at = NOW({-age}) WHERE id = :id", id=desk.id(check.id))
    assert ids(desk.claims.claim_overdue(2, {})) == ids(checks[-2:])
    assert ids(desk.claims.claim_overdue(10, {})) == ids(checks[:-2])


def test_a_check_whose_review_ran_out_says_so(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"), Review(Reason.NAME_DIFFERS, 0))
    assert desk.upkeep.end_reviews() == 1
    (overdue,) = desk.claims.claim_overdue(10, {})
    assert overdue.reviewed


# ------------------------------------------------------------------------------------------------ renewing


def test_a_renewal_prolongs_many_leases_in_one_statement(desk: Desk) -> None:
    desk.submit_many(20)
    held = desk.claim(free=20)
    desk.set_back("lease_until", -3)
    with desk.statements() as seen:
        assert desk.claims.renew(held) == ids(held)
    assert len(seen) == 1
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until > NOW({LEASE - 5})") == 20


def test_a_renewal_leaves_alone_what_is_no_longer_ours(desk: Desk) -> None:
    desk.submit_many(4)
    lost, settled, given_back, kept = held = desk.claim(free=4)
    desk.sql(
        "UPDATE jurat_checks SET fence = fence + 1, lease_until = NOW(3) WHERE id = :id",
        id=desk.id(lost.id),
    )
    desk.settle(settled)
    give_back(desk, [given_back])
    assert desk.claims.renew(held) == {kept.id}
    assert desk.one(f"SELECT count(*) FROM jurat_checks WHERE lease_until > NOW({LEASE - 5})") == 1


def test_a_lease_that_is_over_may_be_renewed_while_nobody_took_the_check(desk: Desk) -> None:
    """After an outage of the database all leases are over at once, and their holders still work."""
    held = desk.held()
    desk.set_back("lease_until", 60)
    assert desk.claims.renew([held]) == {held.id}
    desk.set_back("lease_until", 60)
    desk.upkeep.end_leases()
    assert desk.claims.renew([held]) == set()


def test_renewing_nothing_is_fine(desk: Desk) -> None:
    assert desk.claims.renew([]) == set()


def test_no_check_shows_its_answer_or_its_participant_when_printed(sqlite: Desk) -> None:
    held = sqlite.held("someone")
    assert "someone" not in repr(held)
    assert repr(held.sealed) not in repr(held)


@pytest.mark.slow
def test_renewing_and_writing_at_once_never_wait_for_each_other_in_a_circle(postgresql: Desk) -> None:
    """Both change rows of the same checks, in whatever order a plan gives them."""
    postgresql.submit_many(300)
    claims, end = Claims(postgresql.engine), time.monotonic() + 1.5
    held = postgresql.claim(free=300)

    def renew() -> list[ClaimedCheck]:
        while time.monotonic() < end:
            claims.renew(reversed(held))
        return []

    def write() -> list[ClaimedCheck]:
        while time.monotonic() < end:
            current = list(held)
            postgresql.write(*(entry(check, GiveBack()) for check in current))
            held[:] = postgresql.claim(free=300)
        return []

    together(renew, write)


def test_a_check_that_has_one_chance_left_is_claimed_alone_or_not_at_all(desk: Desk) -> None:
    desk.submit_many(4)
    desk.sql("UPDATE jurat_checks SET lost_leases = 1 WHERE participant = 'p-0'")
    desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant IN ('p-1', 'p-2')")
    demand = Demand("towns", 10)
    held, last_chances = desk.claims.claim([demand], 10)
    assert {check.participant for check in held} == {"p-0", "p-3"}
    assert last_chances
    assert desk.claims.claim([demand], 10) == ([], True)
    assert desk.claims.claim([Demand("rpps", 10)], 10) == ([], False)
    assert desk.claims.claim_alone([Demand("rpps", 10)]) is None
    desk.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    assert desk.claims.claim_alone([demand]) is None
    assert desk.claims.claim([demand], 10) == ([], False)
    desk.sql("UPDATE jurat_sources SET paused_until = NULL")
    paid = Demand("towns", 10, interval=60.0)
    alone = desk.claims.claim_alone([paid])
    assert alone is not None
    assert (alone.lost_leases, alone.fence) == (2, 1)
    assert desk.claims.claim_alone([paid]) is None, "its rate holds for it too"
    other = desk.claims.claim_alone([demand])
    assert other is not None
    assert {alone.participant, other.participant} == {"p-1", "p-2"}
    assert desk.claims.claim([demand], 10) == ([], False)


def test_the_index_of_last_chances_has_the_words_of_the_claim() -> None:
    condition = f"WHERE state = 'pending' AND lost_leases = {MOST_LOST_LEASES - 1};"
    tables = (MIGRATIONS / "sql" / "tables.sql").read_text("utf-8")
    assert f"CREATE INDEX jurat_checks_last_chance ON jurat_checks (source) {condition}" in tables
