"""Sources used to their limits: start times, shares of slots, whole claims at once, breakers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from adapters.base import Found, Query, Refused, SourceError, Throttled, Unavailable
from jurat.vocabulary import Reason
from tasks.checks import CheckResult, GiveBack
from tests.store.desk import DOCUMENT
from tests.worker.engine.works import MATCHES, Steered, Works, free, soon
from worker.engine import failure_reporter
from worker.engine.claim_plan import share


def limited(works: Works, source: str, **limits: Any) -> None:
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], source: {"type": "simulated", **limits}}})


def watched(works: Works) -> list[float]:
    """When each lookup begins from now on."""
    begun: list[float] = []
    look_up = works.steered.look_up

    def watching(query: Query) -> Found:
        begun.append(time.monotonic())
        return look_up(query)

    works.steered.look_up = watching  # type: ignore[method-assign]
    return begun


# ------------------------------------------------------------------------------------------------ start times


@pytest.mark.slow
def test_no_look_up_begins_before_its_start(works: Works) -> None:
    limited(works, "towns", rate="20/s", burst=1)
    works.desk.submit_many(20)
    works.configure(slots=30)
    begun = watched(works)
    works.start()
    assert works.settles(20)
    assert begun[-1] - begun[0] >= 0.8, "nineteen intervals of 50 ms, except a first lookup that was a little late"


@pytest.mark.slow
def test_a_check_that_waits_for_its_start_takes_no_look_up_thread(works: Works) -> None:
    limited(works, "towns", rate="4/s", burst=1)
    works.desk.submit_many(6)
    works.configure(slots=2, only=["towns"])
    in_flight, threads = works.engine.in_flight, works.engine._lookup_threads
    works.start()
    assert soon(lambda: in_flight.unfinished() and works.engine._lookups.ready.empty() and works.steered.at_once == 0)
    assert len(threads) == 2
    assert works.settles(6)


def late_at_first(works: Works, seconds: float) -> None:
    """Have the first start of each check come so many seconds late, as if the process had no CPU."""
    add = works.engine._lookups.delay_queue.add
    seen: set[UUID] = set()

    def late(lot: Any, start_at: float) -> None:
        add(lot, start_at + (0.0 if lot[0].id in seen else seconds))
        seen.add(lot[0].id)

    works.engine._lookups.delay_queue.add = late  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.usefixtures("_seldom")
def test_look_ups_that_missed_their_starts_get_others_without_another_claim(works: Works) -> None:
    limited(works, "towns", rate="20/s", burst=2)
    works.configure(slots=8, only=["towns"])
    late_at_first(works, 0.7)
    works.desk.sql("UPDATE jurat_sources SET next_start_at = NOW(0.3) WHERE name = 'towns'")
    works.desk.submit_many(4)
    begun = watched(works)
    with capture_logs() as logs:
        works.start()
        assert works.settles(4)
    assert works.desk.sql("SELECT DISTINCT fence, lookups, lost_leases FROM jurat_checks") == [(1, 0, 0)]
    assert begun[-1] - begun[0] >= 0.1, "each at a start of its own"
    assert not [line for line in logs if line["event"] == "given back"]


@pytest.mark.slow
@pytest.mark.usefixtures("_seldom")
def test_look_ups_that_missed_their_starts_where_no_other_is_near_are_given_back_at_no_cost(works: Works) -> None:
    limited(works, "towns", rate="20/min", burst=1)
    works.configure(slots=8, only=["towns"])
    late_at_first(works, 0.5)
    works.desk.sql("UPDATE jurat_sources SET next_start_at = NOW(0.5) WHERE name = 'towns'")
    works.desk.submit()
    with capture_logs() as logs:
        works.start()
        assert soon(lambda: [line for line in logs if line["event"] == "given back"])
    works.desk.sql("UPDATE jurat_sources SET next_start_at = NOW WHERE name = 'towns'")
    works.engine.wake()
    assert works.settles(1)
    ((fence, *cost),) = works.desk.sql("SELECT fence, lookups, lost_leases FROM jurat_checks")
    assert fence >= 2, "it was claimed again: twice where the machine is slow, and misses the next start as well"
    assert cost == [0, 0]
    assert len(works.steered.asked) == 1


@pytest.mark.parametrize("away", [False, True])
def test_what_missed_its_start_is_not_forgotten_where_no_other_can_be_had(
    works: Works, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    """Neither when the worker ends nor while the database is away."""
    works.plans.refresh()
    works.desk.submit()
    (check,) = works.desk.claim(interval=0.01, burst=2, late=0.0)
    lookups, claimer = works.engine._lookups, works.engine.claimer
    works.engine.in_flight.add([check])
    monkeypatch.setattr(works.engine.in_flight, "_clock", lambda: time.monotonic() + 1.0)
    assert lookups.has_missed((check,))
    given_back: list[CheckResult] = []
    monkeypatch.setattr(works.engine.writer, "hand_on", given_back.append)
    if away:
        monkeypatch.setattr(claimer._claims, "pay_again", Mock(side_effect=OperationalError("", {}, Exception())))
        with pytest.raises(OperationalError):
            claimer.step()
    else:
        works.engine.stop_claiming()
        works.engine._give_back_rest()
    assert [result.decision for result in given_back] == [GiveBack()]


def test_what_waits_for_its_start_is_given_back_when_the_worker_ends(works: Works) -> None:
    limited(works, "towns", rate="2/s", burst=1)
    works.configure(slots=8, only=["towns"])
    works.desk.submit_many(8)
    works.start()
    assert soon(lambda: works.engine._lookups.delay_queue._waiting)
    assert works.stop()
    assert works.engine._lookups.delay_queue.join(0), "nobody waits for the starts"
    assert works.desk.sql("SELECT DISTINCT state, lookups, lost_leases FROM jurat_checks WHERE state <> 'settled'") == [
        ("pending", 0, 0)
    ]
    assert len(works.engine.in_flight) == 0


def test_what_waits_for_its_start_is_not_asked_of_a_source_that_asked_for_a_pause_meanwhile(works: Works) -> None:
    limited(works, "rpps", rate="2/s", burst=3)
    works.configure(slots=8, only=["rpps"])
    works.fails_with(Throttled("slow down", retry_after=600))
    works.desk.submit_many(8, "profession")
    works.start()
    assert soon(lambda: works.desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until > NOW(500)") == 1)
    assert soon(lambda: len(works.engine.in_flight) == 0)
    assert len(works.steered.asked) < 4, "four starts were within reach"
    assert works.desk.sql("SELECT count(*) FROM jurat_checks WHERE fence > 0 AND lookups = 0") != [(0,)]


# ------------------------------------------------------------------------------------------------ shares and lots


@pytest.fixture
def hanging() -> Iterator[Steered]:
    source = Steered()
    source.hold()
    yield source
    source.let_go()


def test_a_source_that_hangs_takes_its_share_of_slots_and_the_others_go_on(works: Works, hanging: Steered) -> None:
    works.others["towns"] = hanging
    works.configure(slots=8)
    works.desk.submit_many(20)
    works.desk.submit_many(20, "profession")
    works.start()
    assert works.settles(20)
    assert soon(lambda: hanging.at_once == share(8, 4))
    works.desk.submit_many(20, "code", first=20)  # of others: nothing was accepted in its place
    works.engine.wake()
    assert works.settles(40)
    assert hanging.at_once == share(8, 4) == 5
    hanging.let_go()
    assert works.settles(60)
    assert hanging.most_at_once == 5


class ManyAtOnce(Steered):
    """Accepts everybody, whole lots at once."""

    def __init__(self) -> None:
        super().__init__()
        self.lots: list[int] = []

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        self.lots.append(len(queries))
        return [MATCHES] * len(queries)


def test_a_source_of_many_answers_a_whole_claim_in_one_call(each_works: Works) -> None:
    each_works.others["spring"] = many = ManyAtOnce()
    each_works.configure(slots=30, only=["spring"])
    each_works.desk.submit_many(20, "code")
    each_works.start()
    assert each_works.settles(20)
    assert (many.lots, many.asked) == ([20], [])
    assert each_works.desk.one("SELECT count(*) FROM jurat_attempts") == 20
    assert soon(lambda: free(each_works.engine.in_flight) == 30)


# ------------------------------------------------------------------------------------------------ sources in trouble


@pytest.mark.slow
def test_a_broken_source_is_left_alone_but_for_probes_and_goes_on_at_once_when_it_is_back(
    each_works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = each_works
    # One that another test has used keeps the settings that it found there.
    monkeypatch.setattr(failure_reporter, "log", structlog.get_logger("jurat.sources"))
    works.configure(slots=8, only=["rpps"])
    works.fails_with(Unavailable("down"))
    works.desk.submit_many(40, "profession")
    opened = "SELECT count(*) FROM jurat_sources WHERE opened_at IS NOT NULL"
    with capture_logs() as logs:
        works.start()
        assert soon(lambda: works.desk.one(opened) == 1)
        before = len(works.steered.asked)
        assert before <= 5 + 8, "and what had begun by then"
        assert soon(lambda: len(works.steered.asked) >= before + 2), "probes"
        assert works.steered.most_at_once <= 8
        works.steered.found = MATCHES
        assert works.settles(40)
        assert soon(lambda: works.desk.one(opened) == 0)
        events = [line["event"] for line in logs if line["event"].startswith("breaker")]
    assert events == ["breaker opened", "breaker closed"]
    asked = len(works.steered.asked)
    failed = works.desk.one("SELECT count(*) FROM jurat_attempts WHERE result = 'failed'")
    assert asked == 40 + failed
    assert works.desk.one("SELECT sum(lookups) FROM jurat_checks") == failed
    assert works.desk.one("SELECT max(lost_leases) FROM jurat_checks") == 0


@pytest.mark.slow
@pytest.mark.usefixtures("_seldom")
def test_the_next_probe_and_the_closed_breaker_wake_the_claimer(works: Works) -> None:
    works.configure(slots=8, only=["rpps"])
    works.desk.sql("UPDATE jurat_sources SET failures = 9, opened_at = NOW, probe_at = NOW WHERE name = 'rpps'")
    works.fails_with(Unavailable("down"))
    works.desk.submit_many(30, "profession")
    works.start()
    assert soon(lambda: len(works.steered.asked) >= 3), "a probe each second"
    works.steered.found = MATCHES
    assert works.settles(27)


def test_a_source_that_refuses_us_after_too_many_requests_is_left_alone_for_half_an_hour(works: Works) -> None:
    works.configure(slots=4, only=["rpps"])
    works.fails_with(Throttled("slow down"))
    works.desk.submit_many(2, "profession")
    paused = "SELECT count(*) FROM jurat_sources WHERE name = 'rpps' AND paused_until > NOW(1700)"
    with capture_logs() as logs:
        works.start()
        assert soon(lambda: len(works.steered.asked) >= 1)
        assert works.desk.one(paused) == 0
        works.fails_with(Refused("connection refused"))
        assert soon(lambda: works.desk.one(paused) == 1)
        assert soon(lambda: [line for line in logs if line["log_level"] == "error" and line.get("seconds") == 1800.0])
    (row,) = works.desk.sql("SELECT subject, detail FROM jurat_audit WHERE action = 'source refuses us'")
    assert row[0] == "rpps"
    assert Reason.SOURCE_THROTTLED in str(row[1])


def test_it_is_so_when_another_worker_was_told_of_too_many_requests(each_works: Works) -> None:
    each_works.configure(slots=4, only=["rpps"])
    sql = "UPDATE jurat_sources SET last_failure = 'source_throttled', last_failure_at = NOW(-30) WHERE name = :name"
    each_works.desk.sql(sql, name="rpps")
    each_works.desk.sql(sql.replace("-30", "-90"), name="towns")
    assert each_works.desk.sources.since_throttled("ban") is None
    assert (each_works.desk.sources.since_throttled("towns") or 0) >= 89.9
    each_works.fails_with(Refused("connection refused"))
    each_works.desk.submit(question="profession")
    each_works.start()
    paused = "SELECT name FROM jurat_sources WHERE paused_until > NOW(1700)"
    assert soon(lambda: each_works.desk.sql(paused) == [("rpps",)])
