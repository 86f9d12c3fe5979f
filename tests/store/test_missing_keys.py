"""Answers whose key a worker does not have: it leaves them to those that do, and they lose nothing by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.base import Finding, Found, Query
from jurat import Check, Client
from jurat.seal import Unseal, generate, key_id, key_to_text
from jurat.vocabulary import Outcome, Reason
from store.queue.claims import Claims
from store.queue.deadlines import LEFT_TO_OTHERS
from store.workers import KEPT, LIVE, Fleet, Keyholders, Member, forget, missing_since, workers
from tasks.check_runner import CheckRunner
from tasks.checks import ClaimedCheck
from tasks.plan import Plan
from tasks.rules.source_limits import Demand
from tests.store.desk import Desk, ids

OLD, NEW = generate(), generate()
HOUR = 3600.0
UNREADABLE = [("undetermined", "answer_unreadable")]
ACCEPTED = [("accepted", "record_matches")]


class Yes:
    """A source that accepts whatever it is asked."""

    def look_up(self, query: Query) -> Found:
        return Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)

    def close(self) -> None:
        pass


@dataclass
class Worker:
    """One worker's side of the ledger, with keys of its own."""

    desk: Desk
    keys: Sequence[bytes]

    def __post_init__(self) -> None:
        unseal = Unseal(self.keys)
        self.claims = Claims(self.desk.engine, dice=lambda: 0.5, keys=unseal.key_ids)
        self.running = CheckRunner(unseal)
        self.fleet = Fleet(self.desk.engine)
        self.member = Member(uuid4(), "here", "w", "0", "0", 4, unseal_keys=tuple(unseal.key_ids), ready=True)

    def claim(self, free: int = 10) -> list[ClaimedCheck]:
        held, last_chances = self.claims.claim([Demand("towns", free)], free)
        if last_chances and (alone := self.claims.claim_alone([Demand("towns", free)])):
            held.append(alone)
        return held

    def do(self, held: Sequence[ClaimedCheck]) -> None:
        plan = plan_of(self.desk)
        self.desk.write(*(self.running.run(each, plan) for each in held))

    def report(self) -> Mapping[str, int]:
        return self.fleet.report(self.member)

    def overdue(self) -> list[ClaimedCheck]:
        return self.claims.claim_overdue(100, {})


def plan_of(desk: Desk) -> Plan:
    return replace(desk.plan(), sources=dict.fromkeys(desk.configuration.sources, Yes()))


def submit(desk: Desk, *participants: str, key: bytes = OLD[1]) -> list[Check]:
    """Answers that a platform seals for `key`."""
    with closing(Client(desk.url, seal_key=key_to_text(key))) as client, desk.engine.begin() as connection:
        return [
            client.submit(
                connection, consultation="budget", participant=each, question="residence", answer={"word": "accept"}
            )
            for each in participants
        ]


def moved(desk: Desk, seconds: float) -> None:
    """So long goes by, for every row that tells a time."""
    for table, columns in (
        ("jurat_checks", ("submitted_at", "due_at", "deadline_at")),
        ("jurat_missing_keys", ("since", "seen_at")),
        ("jurat_workers", ("started_at", "seen_at")),
    ):
        if desk.postgresql:
            back = ", ".join(f"{name} = {name} - make_interval(secs => {seconds})" for name in columns)
        else:
            back = ", ".join(
                f"{name} = strftime('%Y-%m-%d %H:%M:%f', {name}, '-{seconds} seconds')" for name in columns
            )
        desk.sql(f"UPDATE {table} SET {back}")


@pytest.fixture
def right(desk: Desk) -> Worker:
    return Worker(desk, [OLD[0]])


@pytest.fixture
def wrong(desk: Desk) -> Worker:
    return Worker(desk, [NEW[0]])


# ------------------------------------------------------------------------------------------------ claims


def test_a_claim_leaves_answers_alone_that_no_key_of_the_worker_opens(desk: Desk, right: Worker, wrong: Worker) -> None:
    old, new = submit(desk, "p-1", "p-2"), submit(desk, "p-3", key=NEW[1])
    assert ids(wrong.claim()) == ids(new)
    assert ids(right.claim()) == ids(old)
    assert desk.one("SELECT max(fence) FROM jurat_checks") == 1, "nobody claimed what was not for it"


def test_what_is_not_for_a_worker_neither_fills_its_claims_nor_hides_what_is(desk: Desk, wrong: Worker) -> None:
    submit(desk, *(f"p-{n}" for n in range(300)))
    new = submit(desk, "q-1", "q-2", key=NEW[1])
    assert ids(wrong.claim(2)) == ids(new)


def test_a_check_with_one_chance_left_is_left_alone_as_well(desk: Desk, right: Worker, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    desk.sql("UPDATE jurat_checks SET lost_leases = 2")
    demands = [Demand("towns", 1)]
    assert wrong.claims.claim(demands, 1) == ([], False)
    assert wrong.claims.claim_alone(demands) is None
    assert [held.id for held in right.claim()] == [check.id]


def test_what_was_erased_or_names_no_key_at_all_needs_none(desk: Desk, wrong: Worker) -> None:
    erased, strange = submit(desk, "p-1"), desk.submit("p-2")
    desk.sql("UPDATE jurat_checks SET answer = NULL WHERE participant = 'p-1'")
    desk.sql("UPDATE jurat_checks SET answer_key = 'k' WHERE participant = 'p-2'")
    held = wrong.claim()
    assert ids(held) == {*ids(erased), strange.id}
    wrong.do(held)
    assert desk.verdicts(erased[0].id) == desk.verdicts(strange.id) == UNREADABLE


# ------------------------------------------------------------------------------------------------ deadlines


def test_a_deadline_that_passes_while_no_worker_has_the_key_ends_nothing(desk: Desk, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    moved(desk, 2 * HOUR)
    assert wrong.overdue() == []
    wrong.report()
    assert wrong.overdue() == []
    assert desk.row(check.id, "state, lookups, lost_leases") == ("pending", 0, 0)


def test_a_deadline_stands_still_while_the_key_is_missing(desk: Desk, right: Worker, wrong: Worker) -> None:
    """The key was missing for 50 of 70 minutes: of an hour, 40 minutes are left."""
    (check,) = submit(desk, "p-1")
    moved(desk, 10 * 60)
    for _ in range(10):
        assert wrong.report() == {key_id(OLD[1]): 1}
        moved(desk, 5 * 60)
    wrong.report()
    moved(desk, 10 * 60)
    right.report()
    assert right.overdue() == []
    (held,) = right.claim()
    assert 39 * 60 < held.seconds_left < 41 * 60
    right.do([held])
    assert desk.verdicts(check.id) == ACCEPTED


def test_upkeep_of_a_worker_without_the_key_ends_what_passed_while_another_had_it(
    desk: Desk, right: Worker, wrong: Worker
) -> None:
    """As it would have ended with the other: its source gave no answer in time."""
    (check,) = submit(desk, "p-1")
    moved(desk, 2 * HOUR)
    right.report()
    wrong.do(wrong.overdue())
    assert desk.verdicts(check.id) == [("undetermined", "deadline_passed")]


@pytest.mark.slow
def test_after_a_day_without_its_key_an_answer_ends_unreadable(desk: Desk, wrong: Worker) -> None:
    (check,), hours = submit(desk, "p-1"), 0.0
    while hours < 23:
        wrong.report()
        moved(desk, 500)
        hours += 500 / HOUR
        assert wrong.overdue() == []
    (late,) = submit(desk, "p-2")
    while hours < LEFT_TO_OTHERS / HOUR + 0.3:
        wrong.report()
        moved(desk, 500)
        hours += 500 / HOUR
    wrong.report()
    assert "overdue" in desk.upkeep.turns({"overdue": 3.0})
    held = wrong.overdue()
    assert [(each.id, each.forsaken) for each in held] == [(check.id, True)]
    wrong.do(held)
    assert desk.verdicts(check.id) == UNREADABLE
    assert desk.row(check.id, "answer") is None
    assert desk.row(late.id, "state") == "pending", "it has not waited for a day"


def aged(desk: Desk, submitted: float, missing: float) -> None:
    """All answers are so many seconds old, and their keys have been missing for so many."""
    desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW({-submitted})")
    desk.sql(f"UPDATE jurat_missing_keys SET since = NOW({-missing})")


def test_an_old_answer_waits_for_a_day_from_when_its_key_is_missing(desk: Desk, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    wrong.report()
    aged(desk, LEFT_TO_OTHERS + HOUR, LEFT_TO_OTHERS - HOUR)
    assert wrong.overdue() == []
    aged(desk, LEFT_TO_OTHERS + HOUR, LEFT_TO_OTHERS + HOUR)
    assert [each.id for each in wrong.overdue()] == [check.id]


def test_an_answer_is_not_given_up_once_its_key_is_back(desk: Desk, right: Worker, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    wrong.report()
    aged(desk, LEFT_TO_OTHERS + HOUR, LEFT_TO_OTHERS + HOUR)
    right.report()
    assert (wrong.overdue(), right.overdue()) == ([], [])
    right.do(right.claim())
    assert desk.verdicts(check.id) == ACCEPTED


@pytest.mark.slow
def test_a_key_that_comes_back_within_the_day_opens_the_answer(desk: Desk, right: Worker, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    for _ in range(160):
        wrong.report()
        moved(desk, 500)
    assert LEFT_TO_OTHERS > 160 * 500
    wrong.report()
    assert wrong.overdue() == []
    right.report()
    assert right.overdue() == []
    right.do(right.claim())
    assert desk.verdicts(check.id) == ACCEPTED


def test_a_review_that_nobody_decided_in_time_ends_without_its_key(desk: Desk, wrong: Worker) -> None:
    (check,) = submit(desk, "p-1")
    desk.sql("UPDATE jurat_checks SET state = 'review'")
    desk.sql(
        "INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at)"
        " VALUES (:id, 'name_differs', '{}', 1, NOW(-90), NOW(-1))",
        id=desk.id(check.id),
    )
    assert desk.upkeep.end_reviews() == 1
    wrong.do(wrong.overdue())
    assert desk.verdicts(check.id) == [("undetermined", "deadline_passed")]


# ------------------------------------------------------------------------------------------------ the register


def rows(desk: Desk) -> list[Any]:
    with desk.engine.begin() as connection:
        return workers(connection)


def test_a_worker_is_in_the_register_from_its_first_word_until_it_leaves(desk: Desk, right: Worker) -> None:
    right.member = replace(right.member, sources=("towns",), hash_keys=("ab",), config_version=3)
    right.report()
    moved(desk, 5)
    right.member = replace(right.member, held=2, ready=False, stopping=True)
    right.report()
    (row,) = rows(desk)
    assert {name: getattr(row, name) for name in Member.__slots__} == {
        name: getattr(right.member, name) for name in Member.__slots__
    }
    assert row.live
    assert row.age < LIVE
    assert 4.9 < (row.seen_at - row.started_at).total_seconds() < LIVE
    right.fleet.leave(right.member.id)
    assert rows(desk) == []


def test_who_said_nothing_for_half_a_minute_is_gone_and_its_row_goes_after_a_day(desk: Desk, right: Worker) -> None:
    right.report()
    moved(desk, LIVE + 1)
    (row,) = rows(desk)
    assert not row.live
    with desk.engine.begin() as connection:
        assert Keyholders.read(connection).of("towns") == set()
        forget(connection)
    assert len(rows(desk)) == 1
    moved(desk, KEPT)
    desk.upkeep.purge()
    assert rows(desk) == []


def test_a_worker_that_starts_again_takes_the_place_of_its_runs_that_were_killed(desk: Desk, right: Worker) -> None:
    right.report()
    moved(desk, LIVE + 1)
    again, other = Worker(desk, right.keys), Worker(desk, right.keys)
    other.member = replace(other.member, name="another")
    other.report()
    moved(desk, LIVE + 1)
    again.report()
    assert {row.id for row in rows(desk)} == {again.member.id, other.member.id}


def test_who_serves_a_source(desk: Desk, right: Worker) -> None:
    right.member = replace(right.member, config_version=1)
    right.report()
    (every,) = rows(desk)
    assert every.serves("towns")
    assert not replace(every, config_version=None).serves("towns"), "it cannot read the configuration"
    assert not replace(every, sources=("rpps",)).serves("towns")
    assert not replace(every, stopping=True).serves("towns")
    assert not replace(every, age=LIVE + 1).serves("towns")


def test_a_key_is_missing_where_no_live_worker_has_it(desk: Desk, right: Worker, wrong: Worker) -> None:
    submit(desk, "p-1", "p-2")
    right.report()
    assert wrong.report() == {key_id(OLD[1]): 2}
    with desk.engine.begin() as connection:
        assert missing_since(connection) == {}
    right.fleet.leave(right.member.id)
    wrong.report()
    wrong.report()
    with desk.engine.begin() as connection:
        assert list(missing_since(connection)) == [("towns", key_id(OLD[1]))]
    assert desk.one("SELECT count(*) FROM jurat_missing_keys") == 1


def test_that_a_key_is_missing_is_logged_by_one_of_the_workers_that_find_it(desk: Desk, plain_logs: None) -> None:
    submit(desk, "p-1", "p-2")
    fleet = [Worker(desk, [NEW[0]]) for _ in range(8)]
    with capture_logs() as logs, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            list(pool.map(Worker.report, fleet))
    assert [(line["event"], line["source"], line["key"]) for line in logs] == [("key missing", "towns", key_id(OLD[1]))]
    assert desk.one("SELECT count(*) FROM jurat_missing_keys") == 1


def serving(worker: Worker, *sources: str) -> Worker:
    worker.member = replace(worker.member, sources=sources)
    return worker


def test_a_key_is_missing_where_the_worker_that_has_it_does_not_serve_the_source(
    desk: Desk, right: Worker, wrong: Worker
) -> None:
    """The deadline of its answer does not run, as when no one has the key. At the worker's own source it runs."""
    (check,), elsewhere = submit(desk, "p-1"), desk.submit("p-2", "profession")
    desk.sql("UPDATE jurat_checks SET answer_key = :key WHERE participant = 'p-2'", key=key_id(OLD[1]))
    serving(right, "rpps").report()
    assert wrong.report() == {key_id(OLD[1]): 2}, "it serves both, and opens neither"
    with desk.engine.begin() as connection:
        assert list(missing_since(connection)) == [("towns", key_id(OLD[1]))]
    for _ in range(20):
        moved(desk, 500)
        right.report()
        wrong.report()
    assert ids(wrong.overdue()) == {elsewhere.id}
    assert right.overdue() == []
    assert desk.row(check.id, "state, lookups") == ("pending", 0)


def test_a_worker_does_not_lack_the_keys_of_sources_that_it_does_not_serve(desk: Desk, wrong: Worker) -> None:
    submit(desk, "p-1")
    right = serving(Worker(desk, [NEW[0]]), "towns")
    right.report()
    assert serving(wrong, "rpps").report() == {}
    with desk.engine.begin() as connection:
        assert list(missing_since(connection)) == [("towns", key_id(OLD[1]))], "it is missing nevertheless"


def test_where_no_worker_serves_the_source_the_key_of_any_live_one_is_there(
    desk: Desk, right: Worker, wrong: Worker
) -> None:
    """Deadlines run there as before: what is missing is a worker, and no key."""
    submit(desk, "p-1")
    serving(right, "rpps").report()
    serving(wrong, "rpps").report()
    with desk.engine.begin() as connection:
        assert missing_since(connection) == {}
        assert Keyholders.read(connection).of("towns") == {key_id(OLD[1]), key_id(NEW[1])}


# ------------------------------------------------------------------------------------------------ workers with the key

STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["work", "crash", "upkeep", "tell"])), max_size=12)


@pytest.mark.slow
@given(holders=st.sets(st.integers(0, 3), min_size=1), steps=STEPS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_with_any_one_worker_that_has_the_key_every_answer_gets_the_verdict_that_it_would_have(
    desk: Desk, holders: set[int], steps: list[tuple[int, str]]
) -> None:
    """Of four workers any may have the key, claim, die with what they hold, or do upkeep."""
    fleet = [Worker(desk, [OLD[0], NEW[0]] if n in holders else [NEW[0]]) for n in range(4)]
    mark = uuid4().hex
    old = submit(desk, *(f"o-{mark}-{n}" for n in range(3)))
    new = submit(desk, *(f"n-{mark}-{n}" for n in range(2)), key=NEW[1])
    crashes = 0
    for number, step in steps:
        worker = fleet[number]
        match step:
            case "work":
                worker.do(worker.claim(2))
            case "crash" if crashes < 2:  # after the third a check ends worker_lost, with any key
                crashes += bool(worker.claim(1))
                desk.sql("UPDATE jurat_checks SET lease_until = NOW(-1) WHERE state = 'leased'")
                desk.upkeep.end_leases()
            case "tell":
                worker.report()
            case _:
                worker.do(worker.overdue())
    for _ in range(10):
        for worker in fleet:
            worker.do(worker.claim())
    assert [desk.verdicts(check.id) for check in (*old, *new)] == [ACCEPTED] * 5
