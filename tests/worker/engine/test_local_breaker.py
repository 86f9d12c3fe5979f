from __future__ import annotations

import math
from dataclasses import replace
from uuid import UUID

import pytest

from jurat.vocabulary import Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Later, NextSource
from tasks.rules.source_limits import Breaker
from tests.store.desk import attempt, entry
from worker.engine.local_breaker import LocalBreaker


def held(source: str = "towns") -> ClaimedCheck:
    return ClaimedCheck(UUID(int=1), 1, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0)


def failed(reason: Reason = Reason.SOURCE_UNAVAILABLE, source: str = "towns") -> CheckResult:
    return entry(held(source), Later(1.0, reason), attempt=Attempt(Ended.FAILED, reason, 0.1))


def answered(source: str = "towns") -> CheckResult:
    return entry(held(source), attempt=attempt())


FAILED = Attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 0.1)


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def breaker(now: list[float]) -> LocalBreaker:
    return LocalBreaker(lambda _: Breaker(failures=6), lambda: now[0])


def test_half_as_many_failures_in_a_row_as_open_the_breaker_shut_a_source(breaker: LocalBreaker) -> None:
    breaker.count_results([failed(), failed(), answered(), failed(), failed(), failed(source="ban")])
    assert not breaker.is_shut("towns")
    breaker.count_results([failed()])
    assert breaker.is_shut("towns")
    assert breaker.shut == {"towns": math.inf}


def test_a_request_for_many_counts_once(breaker: LocalBreaker) -> None:
    shared = entry(held(), Later(1.0, Reason.SOURCE_UNAVAILABLE), attempt=replace(FAILED, counted=False))
    breaker.count_results([failed(), *[shared] * 19, failed(), *[shared] * 19])
    assert not breaker.is_shut("towns")
    breaker.count_results([entry(held(), attempt=replace(attempt(), counted=False)), failed()])
    assert breaker.is_shut("towns")
    breaker.count_written([shared] * 38)
    breaker.mark_reported()
    assert breaker.is_shut("towns"), "three failures are not written"
    breaker.count_written([failed()] * 3)
    breaker.mark_reported()
    assert not breaker.is_shut("towns")


@pytest.mark.parametrize(
    "reason", [Reason.SOURCE_REJECTED_REQUEST, Reason.SOURCE_BLOCKED, Reason.CONFIGURATION_MISSING]
)
def test_what_is_no_fault_of_the_source_neither_shuts_nor_clears_it(breaker: LocalBreaker, reason: Reason) -> None:
    breaker.count_results([failed(reason)] * 9)
    assert not breaker.shut
    breaker.count_results([failed(), failed(), failed(reason), entry(held(), GiveBack())])
    breaker.count_results([failed()])
    assert breaker.is_shut("towns")


def test_a_source_that_asks_for_a_pause_is_shut_at_once(breaker: LocalBreaker) -> None:
    paused = [
        entry(held(source), decision, attempt=Attempt(Ended.FAILED, decision.reason, 0.1))
        for source, decision in (
            ("towns", Later(60.0, Reason.SOURCE_THROTTLED, pause=60.0)),
            ("rpps", NextSource("ban", Reason.SOURCE_MAINTENANCE, pause=60.0)),
            ("ban", Later(60.0, Reason.SOURCE_THROTTLED)),
        )
    ]
    breaker.count_results(paused)
    assert [breaker.is_shut(source) for source in ("towns", "rpps", "ban")] == [True, True, False]
    breaker.count_written(paused)
    breaker.mark_reported()
    assert not breaker.is_shut("towns")


def test_failures_that_the_ledger_knows_of_from_others_give_back_what_was_claimed_before(
    breaker: LocalBreaker, now: list[float]
) -> None:
    breaker.update({"towns": 2, "ban": 3, "rpps": 9})
    assert [breaker.is_shut(source) for source in ("towns", "ban", "rpps")] == [False, True, True]
    breaker.mark_reported()
    assert breaker.shut == {"ban": 100.0, "rpps": 100.0}
    now[0] = 105.0
    breaker.update({"ban": 0, "rpps": 10})
    breaker.mark_reported()
    assert breaker.shut == {"ban": 100.0, "rpps": 105.0}


def test_what_was_claimed_before_the_ledger_told_of_more_failures_is_given_back_and_nothing_later(
    breaker: LocalBreaker,
) -> None:
    breaker.update_seen({"towns": 2}, asked=10.0)
    assert breaker.shut == {}
    breaker.update_seen({"towns": 3, "ban": 4}, asked=20.0)
    assert breaker.shut == {"towns": 20.0, "ban": 20.0}
    assert not breaker.is_shut("towns"), "new claims take it into account"
    breaker.update_seen({"towns": 3, "ban": 5}, asked=30.0)
    assert breaker.shut == {"towns": 20.0, "ban": 30.0}, "towns had no more"
    breaker.update_seen({}, asked=40.0)
    breaker.update_seen({"towns": 3}, asked=50.0)
    assert breaker.shut == {"towns": 50.0, "ban": 30.0}, "a run of its own"
    breaker.count_results([failed()] * 3)
    breaker.update_seen({"towns": 4}, asked=60.0)
    assert breaker.is_shut("towns"), "what this process saw is still to be noted"


def test_it_opens_again_for_new_claims_once_the_ledger_knows_of_every_failure(
    breaker: LocalBreaker, now: list[float]
) -> None:
    failures = [failed() for _ in range(4)]
    breaker.count_results(failures)
    breaker.count_written(failures[:3])
    breaker.mark_reported()
    assert breaker.is_shut("towns"), "one is still to be written"
    breaker.count_written(failures[3:])
    assert breaker.is_shut("towns"), "and to be noted"
    breaker.mark_reported()
    assert breaker.shut == {"towns": 100.0}
    assert not breaker.is_shut("towns")
    breaker.count_results([failed(), failed()])
    assert not breaker.is_shut("towns"), "counted again"
    now[0] = 200.0
    breaker.count_results([failed()])
    breaker.count_written([failed()] * 9)
    breaker.mark_reported()
    assert breaker.shut == {"towns": 200.0}
