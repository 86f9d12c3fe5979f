from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from jurat.vocabulary import Reason
from store.queue.breakers import SourceFigures
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, Later
from tasks.rules.retries import SHUT_OUT_AFTER, SHUT_OUT_PAUSE
from tasks.rules.source_limits import LATE, Breaker
from tests.store.desk import attempt, entry
from worker.engine.failure_reporter import FailureReporter
from worker.engine.local_breaker import LocalBreaker

PROBE = 3.0


class Changes(NamedTuple):
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    failures: Mapping[str, int] = MappingProxyType({})


class Sources:
    """Replaces the store: records what was reported, and fails while it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.figures: list[dict[str, SourceFigures]] = []
        self.breakers: list[dict[str, Breaker]] = []
        self.pauses: list[tuple[str, float, Reason]] = []
        self.changes = Changes()
        self.throttled: float | None = None
        self.paused: float | None = 0.0

    def record(self, figures: Mapping[str, SourceFigures], breakers: Mapping[str, Breaker]) -> Changes:
        if self.away:
            raise OperationalError("", {}, Exception("away"))
        self.figures.append(dict(figures))
        self.breakers.append(dict(breakers))
        return self.changes

    def pause(self, source: str, seconds: float, reason: Reason, **_: Any) -> float | None:
        if self.away:
            raise OperationalError("", {}, Exception("away"))
        self.pauses.append((source, seconds, reason))
        return self.paused

    def cut_off(self, source: str, seconds: float, reason: Reason) -> bool:
        return self.pause(source, seconds, reason) == 0

    def since_throttled(self, source: str) -> float | None:
        assert source == "towns"
        return self.throttled


class Woken(list[float]):
    """Stands for the claimer's schedule: in how many seconds it was to look."""

    def wake(self) -> None:
        self.wake_in(0.0)

    def wake_in(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def woken() -> Woken:
    return Woken()


def limits(_: str) -> Breaker:
    return Breaker(probe=PROBE)


@pytest.fixture
def breaker(now: list[float]) -> LocalBreaker:
    return LocalBreaker(limits, lambda: now[0])


@pytest.fixture
def reporter(sources: Sources, breaker: LocalBreaker, now: list[float], woken: Woken) -> FailureReporter:
    return FailureReporter(sources, breaker, woken, lambda: now[0])  # type: ignore[arg-type]


def urgent(reporter: FailureReporter) -> bool:
    return reporter.urgent


def held(source: str = "towns", **given: Any) -> ClaimedCheck:
    return ClaimedCheck(UUID(int=1), 1, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0, **given)


def answered(source: str = "towns") -> CheckResult:
    return entry(held(source), attempt=attempt())


def failed(
    reason: Reason = Reason.SOURCE_UNAVAILABLE, pause: float | None = None, *, refused: bool = False
) -> CheckResult:
    return entry(held(), Later(1.0, reason, pause), attempt=Attempt(Ended.FAILED, reason, 0.1, refused))


def told(answers: int, failures: int, trailing: int, last_failure: Reason | None) -> SourceFigures:
    """What is reported of so many of `answered` and `failed`."""
    seconds: Any = pytest.approx(0.25 * answers + 0.1 * failures)
    return SourceFigures(answers, failures, trailing, last_failure, seconds=seconds)


def test_answers_are_told_each_second_and_trouble_at_once(reporter: FailureReporter, sources: Sources) -> None:
    reporter.count([answered(), answered("ban")])
    assert not urgent(reporter)
    reporter.count([failed(Reason.SOURCE_UNREADABLE), failed()])
    assert urgent(reporter)
    reporter.report()
    assert not urgent(reporter)
    assert sources.figures == [{"towns": told(1, 2, 2, Reason.SOURCE_UNAVAILABLE), "ban": told(1, 0, 0, None)}]
    assert set(sources.breakers[0]) == {"towns", "ban"}
    reporter.report()
    assert len(sources.figures) == 1, "there was nothing to tell"


def test_answers_are_told_by_reason_and_neither_failures_nor_mistyped_numbers(
    reporter: FailureReporter, sources: Sources
) -> None:
    reasons = [Reason.NAME_DIFFERS, Reason.RECORD_MATCHES, Reason.NAME_DIFFERS, Reason.NUMBER_MALFORMED]
    sources.away = True
    reporter.count([entry(held(), attempt=attempt(reason=reason)) for reason in reasons[:1]])
    with pytest.raises(OperationalError):
        reporter.report()
    sources.away = False
    reporter.count([*(entry(held(), attempt=attempt(reason=reason)) for reason in reasons[1:]), failed()])
    reporter.report()
    assert sources.figures[0]["towns"].results == {Reason.NAME_DIFFERS: 2, Reason.RECORD_MATCHES: 1}


def test_of_checks_that_shared_a_request_one_tells_how_the_source_stands(
    reporter: FailureReporter, sources: Sources
) -> None:
    failure = failed(Reason.SOURCE_THROTTLED, pause=60.0)
    assert failure.attempt is not None
    reporter.count([failure, *[replace(failure, attempt=replace(failure.attempt, counted=False))] * 19])
    reporter.report()
    assert sources.figures == [{"towns": told(0, 1, 1, Reason.SOURCE_THROTTLED)}]
    assert sources.pauses == [("towns", 60.0, Reason.SOURCE_THROTTLED)]


def test_only_failures_after_the_last_answer_are_trailing(reporter: FailureReporter, sources: Sources) -> None:
    reporter.count([failed(), failed(), answered(), failed()])
    reporter.report()
    assert sources.figures == [{"towns": told(1, 3, 1, Reason.SOURCE_UNAVAILABLE)}]


def test_how_long_ago_a_source_answered_and_failed_is_told_by_when_the_look_ups_ended(
    reporter: FailureReporter, sources: Sources, now: list[float]
) -> None:
    answer = entry(held(), attempt=replace(attempt(), ended_at=970.0))
    failure = entry(held(), attempt=Attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 0.1, ended_at=980.0))
    sources.away = True
    reporter.count([answer, failure])
    with pytest.raises(OperationalError):
        reporter.report()
    reporter.count([answered("ban")])
    now[0], sources.away = 1010.0, False
    reporter.report()
    towns, ban = sources.figures[0]["towns"], sources.figures[0]["ban"]
    assert (towns.answered_ago, towns.failed_ago) == (40.0, 30.0)
    assert (ban.answered_ago, ban.failed_ago) == (10.0, 0.0)


def test_a_request_that_was_no_good_is_a_last_failure_and_no_trouble(
    reporter: FailureReporter, sources: Sources
) -> None:
    reporter.count([failed(Reason.SOURCE_REJECTED_REQUEST)])
    assert not urgent(reporter)
    reporter.report()
    assert sources.figures == [{"towns": told(0, 0, 0, Reason.SOURCE_REJECTED_REQUEST)}]


def test_a_success_of_a_source_that_failed_last_is_urgent_and_wakes_when_it_closes_the_breaker(
    reporter: FailureReporter, sources: Sources, woken: Woken
) -> None:
    reporter.count([failed()])
    sources.changes = Changes(opened=("towns",))
    with capture_logs() as logs:
        reporter.report()
    assert [(line["event"], line["log_level"], line["source"]) for line in logs] == [
        ("breaker opened", "error", "towns")
    ]
    reporter.count([answered("ban")])
    assert not urgent(reporter)
    reporter.count([answered()])
    assert urgent(reporter)
    assert woken == []
    sources.changes = Changes(closed=("towns",))
    with capture_logs() as logs:
        reporter.report()
    assert [line["event"] for line in logs] == ["breaker closed"]
    assert woken == [0.0]
    reporter.count([answered()])
    assert not urgent(reporter)


def test_an_answer_after_failures_wakes_although_the_breaker_had_not_opened(
    reporter: FailureReporter, woken: Woken
) -> None:
    reporter.count([failed()])
    reporter.report()
    reporter.count([answered()])
    reporter.report()
    assert woken == [0.0]
    reporter.count([answered()])
    reporter.report()
    assert woken == [0.0]


def test_what_all_workers_saw_fail_makes_this_one_give_back_what_it_claimed_before(
    reporter: FailureReporter, sources: Sources, breaker: LocalBreaker, now: list[float]
) -> None:
    reporter.count([failed()])
    sources.changes = Changes(failures={"towns": 2})
    reporter.report()
    assert breaker.shut == {}
    reporter.count([failed()])
    sources.changes = Changes(failures={"towns": 5})
    reporter.report()
    assert breaker.shut == {"towns": now[0]}


def test_a_probe_is_told_at_once_and_the_next_one_follows_in_its_interval(
    reporter: FailureReporter, woken: Woken
) -> None:
    reporter.count([replace(answered(), held=held(probe=True))])
    assert (urgent(reporter), woken) == (True, [PROBE + LATE])


def test_each_source_is_paused_once_and_for_the_longest_time(reporter: FailureReporter, sources: Sources) -> None:
    reporter.count([failed(Reason.SOURCE_THROTTLED, 60.0 * n) for n in (1, 9, 4)])
    assert urgent(reporter)
    reporter.report()
    assert sources.pauses == [("towns", 540.0, Reason.SOURCE_THROTTLED)]


@pytest.mark.parametrize(("left", "said"), [(0.0, ["source paused"]), (3.0, []), (None, [])])
def test_the_worker_that_begins_a_pause_logs_it(
    reporter: FailureReporter, sources: Sources, left: float | None, said: list[str]
) -> None:
    sources.paused = left
    reporter.count([failed(Reason.SOURCE_THROTTLED, 60.0)])
    with capture_logs() as logs:
        reporter.report()
    assert [line["event"] for line in logs] == said


def test_what_could_not_be_told_is_told_the_next_time(reporter: FailureReporter, sources: Sources) -> None:
    sources.away = True
    reporter.count([answered(), failed(), failed(Reason.SOURCE_THROTTLED, 60.0)])
    for _ in range(2):
        with pytest.raises(OperationalError):
            reporter.report()
        assert urgent(reporter)
    reporter.count([failed(Reason.SOURCE_UNREADABLE)])
    sources.away = False
    reporter.report()
    assert sources.figures == [{"towns": told(1, 3, 3, Reason.SOURCE_UNREADABLE)}]
    assert sources.pauses == [("towns", 60.0, Reason.SOURCE_THROTTLED)]


def test_an_answer_after_what_could_not_be_told_ends_the_run_of_failures(
    reporter: FailureReporter, sources: Sources
) -> None:
    sources.away = True
    reporter.count([failed(), failed()])
    with pytest.raises(OperationalError):
        reporter.report()
    reporter.count([answered(), failed()])
    sources.away = False
    reporter.report()
    assert sources.figures == [{"towns": told(1, 3, 1, Reason.SOURCE_UNAVAILABLE)}]


def test_a_connection_refused_soon_after_too_many_requests_pauses_for_half_an_hour_and_is_said_aloud(
    reporter: FailureReporter, sources: Sources, now: list[float]
) -> None:
    reporter.count([failed(Reason.SOURCE_THROTTLED)])
    reporter.report()
    now[0] += SHUT_OUT_AFTER
    reporter.count([failed(refused=True)])
    with capture_logs() as logs:
        reporter.report()
    assert sources.pauses == [("towns", SHUT_OUT_PAUSE, Reason.SOURCE_THROTTLED)]
    assert [(line["log_level"], line["source"], line["seconds"]) for line in logs] == [("error", "towns", 1800.0)]
    reporter.count([failed(refused=True)])
    reporter.report()
    assert len(sources.pauses) == 1, "once for each time that it said so"


def test_what_another_worker_was_told_counts_as_well(reporter: FailureReporter, sources: Sources) -> None:
    sources.throttled = 59.0
    reporter.count([failed(refused=True)])
    reporter.report()
    assert sources.pauses == [("towns", SHUT_OUT_PAUSE, Reason.SOURCE_THROTTLED)]


@pytest.mark.parametrize("throttled", [None, SHUT_OUT_AFTER + 0.1])
def test_a_refused_connection_alone_pauses_nothing(
    reporter: FailureReporter, sources: Sources, throttled: float | None
) -> None:
    sources.throttled = throttled
    reporter.count([failed(refused=True)])
    reporter.report()
    assert sources.pauses == []


def test_another_failure_after_too_many_requests_pauses_nothing(reporter: FailureReporter, sources: Sources) -> None:
    reporter.count([failed(Reason.SOURCE_THROTTLED), failed()])
    reporter.report()
    assert sources.pauses == []
