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
from store.queue.source_health import SourceFigures
from tasks.checks import Attempt, Ended, Entry, Held, Later
from tasks.rules.decision import SHUT_OUT_AFTER, SHUT_OUT_PAUSE
from tasks.rules.rate_limits import LATE, Breaker
from tests.store.desk import attempt, entry
from worker.engine.breaker import Gate
from worker.engine.failure_reporter import Notes

PROBE = 3.0


class Changes(NamedTuple):
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    failures: Mapping[str, int] = MappingProxyType({})


class Keeping:
    """Stands for the ledger: remembers what it was told, and fails while it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.figures: list[dict[str, SourceFigures]] = []
        self.breakers: list[dict[str, Breaker]] = []
        self.pauses: list[tuple[str, float, Reason]] = []
        self.changes = Changes()
        self.throttled: float | None = None

    def note(self, figures: Mapping[str, SourceFigures], breakers: Mapping[str, Breaker]) -> Changes:
        if self.away:
            raise OperationalError("", {}, Exception("away"))
        self.figures.append(dict(figures))
        self.breakers.append(dict(breakers))
        return self.changes

    def pause(self, source: str, seconds: float, reason: Reason, **_: Any) -> None:
        if self.away:
            raise OperationalError("", {}, Exception("away"))
        self.pauses.append((source, seconds, reason))

    def cut_off(self, source: str, seconds: float, reason: Reason) -> None:
        self.pause(source, seconds, reason)

    def since_throttled(self, source: str) -> float | None:
        assert source == "towns"
        return self.throttled


@pytest.fixture
def keeping() -> Keeping:
    return Keeping()


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def woken() -> list[float]:
    return []


def breaker(_: str) -> Breaker:
    return Breaker(probe=PROBE)


@pytest.fixture
def gate(now: list[float]) -> Gate:
    return Gate(breaker, lambda: now[0])


@pytest.fixture
def notes(keeping: Keeping, gate: Gate, now: list[float], woken: list[float]) -> Notes:
    return Notes(keeping, gate, breaker, woken.append, lambda: now[0])  # type: ignore[arg-type]


def urgent(notes: Notes) -> bool:
    return notes.urgent


def held(source: str = "towns", **given: Any) -> Held:
    return Held(UUID(int=1), 1, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0, **given)


def answered(source: str = "towns") -> Entry:
    return entry(held(source), attempt=attempt())


def failed(reason: Reason = Reason.SOURCE_UNAVAILABLE, pause: float | None = None, *, refused: bool = False) -> Entry:
    return entry(held(), Later(1.0, reason, pause), attempt=Attempt(Ended.FAILED, reason, 0.1, refused))


def test_answers_are_told_each_second_and_trouble_at_once(notes: Notes, keeping: Keeping) -> None:
    notes.count([answered(), answered("ban")])
    assert not urgent(notes)
    notes.count([failed(Reason.SOURCE_UNREADABLE), failed()])
    assert urgent(notes)
    notes.tell()
    assert not urgent(notes)
    assert keeping.figures == [
        {"towns": SourceFigures(1, 2, 2, Reason.SOURCE_UNAVAILABLE), "ban": SourceFigures(1, 0, 0, None)}
    ]
    assert set(keeping.breakers[0]) == {"towns", "ban"}
    notes.tell()
    assert len(keeping.figures) == 1, "there was nothing to tell"


def test_of_checks_that_shared_a_request_one_tells_how_the_source_stands(notes: Notes, keeping: Keeping) -> None:
    failure = failed(Reason.SOURCE_THROTTLED, pause=60.0)
    assert failure.attempt is not None
    notes.count([failure, *[replace(failure, attempt=replace(failure.attempt, counted=False))] * 19])
    notes.tell()
    assert keeping.figures == [{"towns": SourceFigures(0, 1, 1, Reason.SOURCE_THROTTLED)}]
    assert keeping.pauses == [("towns", 60.0, Reason.SOURCE_THROTTLED)]


def test_only_failures_after_the_last_answer_are_trailing(notes: Notes, keeping: Keeping) -> None:
    notes.count([failed(), failed(), answered(), failed()])
    notes.tell()
    assert keeping.figures == [{"towns": SourceFigures(1, 3, 1, Reason.SOURCE_UNAVAILABLE)}]


def test_how_long_ago_a_source_answered_and_failed_is_told_by_when_the_look_ups_ended(
    notes: Notes, keeping: Keeping, now: list[float]
) -> None:
    answer = entry(held(), attempt=replace(attempt(), ended_at=970.0))
    failure = entry(held(), attempt=Attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 0.1, ended_at=980.0))
    keeping.away = True
    notes.count([answer, failure])
    with pytest.raises(OperationalError):
        notes.tell()
    notes.count([answered("ban")])
    now[0], keeping.away = 1010.0, False
    notes.tell()
    towns, ban = keeping.figures[0]["towns"], keeping.figures[0]["ban"]
    assert (towns.answered_ago, towns.failed_ago) == (40.0, 30.0)
    assert (ban.answered_ago, ban.failed_ago) == (10.0, 0.0)


def test_a_request_that_was_no_good_is_a_last_failure_and_no_trouble(notes: Notes, keeping: Keeping) -> None:
    notes.count([failed(Reason.SOURCE_REJECTED_REQUEST)])
    assert not urgent(notes)
    notes.tell()
    assert keeping.figures == [{"towns": SourceFigures(0, 0, 0, Reason.SOURCE_REJECTED_REQUEST)}]


def test_a_success_of_a_source_that_failed_last_is_urgent_and_wakes_when_it_closes_the_breaker(
    notes: Notes, keeping: Keeping, woken: list[float]
) -> None:
    notes.count([failed()])
    keeping.changes = Changes(opened=("towns",))
    with capture_logs() as logs:
        notes.tell()
    assert [(line["event"], line["log_level"], line["source"]) for line in logs] == [
        ("breaker opened", "error", "towns")
    ]
    notes.count([answered("ban")])
    assert not urgent(notes)
    notes.count([answered()])
    assert urgent(notes)
    assert woken == []
    keeping.changes = Changes(closed=("towns",))
    with capture_logs() as logs:
        notes.tell()
    assert [line["event"] for line in logs] == ["breaker closed"]
    assert woken == [0.0]
    notes.count([answered()])
    assert not urgent(notes)


def test_an_answer_after_failures_wakes_although_the_breaker_had_not_opened(notes: Notes, woken: list[float]) -> None:
    notes.count([failed()])
    notes.tell()
    notes.count([answered()])
    notes.tell()
    assert woken == [0.0]
    notes.count([answered()])
    notes.tell()
    assert woken == [0.0]


def test_what_all_workers_saw_fail_makes_this_one_give_back_what_it_claimed_before(
    notes: Notes, keeping: Keeping, gate: Gate, now: list[float]
) -> None:
    notes.count([failed()])
    keeping.changes = Changes(failures={"towns": 2})
    notes.tell()
    assert gate.shut == {}
    notes.count([failed()])
    keeping.changes = Changes(failures={"towns": 5})
    notes.tell()
    assert gate.shut == {"towns": now[0]}


def test_a_probe_is_told_at_once_and_the_next_one_follows_in_its_interval(notes: Notes, woken: list[float]) -> None:
    notes.count([replace(answered(), held=held(probe=True))])
    assert (urgent(notes), woken) == (True, [PROBE + LATE])


def test_each_source_is_paused_once_and_for_the_longest_time(notes: Notes, keeping: Keeping) -> None:
    notes.count([failed(Reason.SOURCE_THROTTLED, 60.0 * n) for n in (1, 9, 4)])
    assert urgent(notes)
    notes.tell()
    assert keeping.pauses == [("towns", 540.0, Reason.SOURCE_THROTTLED)]


def test_what_could_not_be_told_is_told_the_next_time(notes: Notes, keeping: Keeping) -> None:
    keeping.away = True
    notes.count([answered(), failed(), failed(Reason.SOURCE_THROTTLED, 60.0)])
    for _ in range(2):
        with pytest.raises(OperationalError):
            notes.tell()
        assert urgent(notes)
    notes.count([failed(Reason.SOURCE_UNREADABLE)])
    keeping.away = False
    notes.tell()
    assert keeping.figures == [{"towns": SourceFigures(1, 3, 3, Reason.SOURCE_UNREADABLE)}]
    assert keeping.pauses == [("towns", 60.0, Reason.SOURCE_THROTTLED)]


def test_an_answer_after_what_could_not_be_told_ends_the_run_of_failures(notes: Notes, keeping: Keeping) -> None:
    keeping.away = True
    notes.count([failed(), failed()])
    with pytest.raises(OperationalError):
        notes.tell()
    notes.count([answered(), failed()])
    keeping.away = False
    notes.tell()
    assert keeping.figures == [{"towns": SourceFigures(1, 3, 1, Reason.SOURCE_UNAVAILABLE)}]


def test_a_connection_refused_soon_after_too_many_requests_pauses_for_half_an_hour_and_is_said_aloud(
    notes: Notes, keeping: Keeping, now: list[float]
) -> None:
    notes.count([failed(Reason.SOURCE_THROTTLED)])
    notes.tell()
    now[0] += SHUT_OUT_AFTER
    notes.count([failed(refused=True)])
    with capture_logs() as logs:
        notes.tell()
    assert keeping.pauses == [("towns", SHUT_OUT_PAUSE, Reason.SOURCE_THROTTLED)]
    assert [(line["log_level"], line["source"], line["seconds"]) for line in logs] == [("error", "towns", 1800.0)]
    notes.count([failed(refused=True)])
    notes.tell()
    assert len(keeping.pauses) == 1, "once for each time that it said so"


def test_what_another_worker_was_told_counts_as_well(notes: Notes, keeping: Keeping) -> None:
    keeping.throttled = 59.0
    notes.count([failed(refused=True)])
    notes.tell()
    assert keeping.pauses == [("towns", SHUT_OUT_PAUSE, Reason.SOURCE_THROTTLED)]


@pytest.mark.parametrize("throttled", [None, SHUT_OUT_AFTER + 0.1])
def test_a_refused_connection_alone_pauses_nothing(notes: Notes, keeping: Keeping, throttled: float | None) -> None:
    keeping.throttled = throttled
    notes.count([failed(refused=True)])
    notes.tell()
    assert keeping.pauses == []


def test_another_failure_after_too_many_requests_pauses_nothing(notes: Notes, keeping: Keeping) -> None:
    notes.count([failed(Reason.SOURCE_THROTTLED), failed()])
    notes.tell()
    assert keeping.pauses == []
