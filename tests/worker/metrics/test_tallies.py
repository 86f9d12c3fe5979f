"""What one worker counts: the figures, their labels, and what counting costs."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat.vocabulary import Outcome, Priority, Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Later, NextSource, Review, Settle
from worker.metrics.names import (
    MOST_SOURCES,
    OTHER,
    WAIT_BUCKETS,
    WORKER_METRICS,
    BellKind,
    Kind,
    LookupResult,
    StatementName,
)
from worker.metrics.tallies import Distribution, Histogram, Tallies

ACCEPTED = Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES)
ANSWERED = Attempt(Ended.ANSWERED, Reason.RECORD_MATCHES, 0.2)


def check(source: str = "towns", **facts: Any) -> ClaimedCheck:
    return ClaimedCheck(uuid4(), 1, "vote", "p-1", "home", source, b"", None, 0, 0, 60.0, **facts)


def result(
    decision: Any = ACCEPTED, attempt: Attempt | None = ANSWERED, source: str = "towns", **facts: Any
) -> CheckResult:
    return CheckResult(check(source, **facts), decision, 1, attempt)


def failed(reason: Reason, **facts: Any) -> Attempt:
    return Attempt(Ended.FAILED, reason, 1.0, **facts)


def counts(tallies: Tallies, metric: str) -> dict[tuple[str, ...], int]:
    """What was counted, without zeros."""
    return {labels: count for labels, count in tallies.figures().counts[metric].items() if count}


def distribution(tallies: Tallies, metric: str, *labels: str) -> Distribution:
    return tallies.figures().distributions[metric][labels]


@given(st.lists(st.floats(0, 5000)), st.sampled_from([WAIT_BUCKETS, (1.0,)]))
def test_a_histogram_counts_what_is_at_most_each_bound(values: list[float], bounds: tuple[float, ...]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.add(value)
    found = histogram.copy()
    assert found.counts == tuple((bound, sum(value <= bound for value in values)) for bound in (*bounds, math.inf))
    assert found.sum == pytest.approx(math.fsum(values))


def test_closed_lists_are_there_from_the_beginning_and_sources_when_they_are_counted() -> None:
    tallies = Tallies()
    figures = tallies.figures()
    assert set(figures.counts) | set(figures.distributions) == {
        metric.name for metric in WORKER_METRICS if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM)
    }
    assert set(figures.distributions["jurat_check_verdict_seconds"]) == {(priority,) for priority in Priority}
    assert set(figures.distributions["jurat_statement_duration_seconds"]) == {(name,) for name in StatementName}
    assert set(figures.counts["jurat_bells_total"]) == {(kind,) for kind in BellKind}
    assert set(figures.counts["jurat_verdict_reasons_total"]) == {(reason,) for reason in Reason}
    assert figures.counts["jurat_lookups_total"] == {} == figures.distributions["jurat_check_wait_seconds"]
    tallies.count_claimed([check()])
    assert set(tallies.figures().counts["jurat_lookups_total"]) == {("towns", each) for each in LookupResult}
    assert set(tallies.figures().counts["jurat_verdicts_total"]) == {("towns", each) for each in Outcome}


@pytest.mark.parametrize(
    ("attempt", "ended"),
    [
        (ANSWERED, "answered"),
        (failed(Reason.SOURCE_UNAVAILABLE), "unavailable"),
        (failed(Reason.SOURCE_UNAVAILABLE, timed_out=True), "timeout"),
        (failed(Reason.SOURCE_THROTTLED), "throttled"),
        (failed(Reason.SOURCE_MAINTENANCE), "maintenance"),
        (failed(Reason.SOURCE_CREDENTIALS), "credentials"),
        (failed(Reason.SOURCE_REJECTED_REQUEST), "rejected"),
        (failed(Reason.SOURCE_UNREADABLE), "unreadable"),
        (failed(Reason.SOURCE_BLOCKED), "blocked"),
    ],
)
def test_a_lookup_is_counted_by_how_it_ended(attempt: Attempt, ended: str) -> None:
    tallies = Tallies()
    tallies.count_written([result(Later(5, attempt.reason), attempt)], [])
    assert counts(tallies, "jurat_lookups_total") == {("towns", ended): 1}
    assert distribution(tallies, "jurat_lookup_duration_seconds", "towns").sum == attempt.duration


@pytest.mark.parametrize(
    "attempt",
    [None, failed(Reason.CONFIGURATION_MISSING), failed(Reason.SOURCE_UNAVAILABLE, counted=False)],
    ids=["none", "no zone", "one request for many"],
)
def test_what_asked_no_source_is_no_lookup(attempt: Attempt | None) -> None:
    tallies = Tallies()
    tallies.count_written([result(Later(5, Reason.CONFIGURATION_MISSING), attempt)], [])
    assert counts(tallies, "jurat_lookups_total") == {}


def test_only_what_was_written_is_a_verdict_and_a_refused_lookup_was_one_all_the_same() -> None:
    tallies = Tallies()
    lost = Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
    others = (
        Later(5, Reason.SOURCE_UNAVAILABLE),
        NextSource("ban", Reason.STREET_LEVEL),
        Review(Reason.NAME_DIFFERS, 9),
    )
    tallies.count_written([result(), result(), result(lost, None), *map(result, others)], [result()])
    tallies.count_written([result(GiveBack(), None)], [])
    assert counts(tallies, "jurat_verdicts_total") == {("towns", "accepted"): 2, ("towns", "undetermined"): 1}
    assert counts(tallies, "jurat_verdict_reasons_total") == {("record_matches",): 2, ("answer_unreadable",): 1}
    assert counts(tallies, "jurat_lookups_total") == {("towns", "answered"): 6}
    for metric in ("writes_refused", "checks_given_back", "answers_unreadable"):
        assert counts(tallies, f"jurat_{metric}_total") == {(): 1}


def test_a_verdict_took_as_long_as_since_its_submit() -> None:
    now = [1000.0]
    tallies = Tallies(lambda: now[0])
    tallies.count_written(
        [
            result(submitted=999.0, priority=Priority.INTERACTIVE),
            result(submitted=900.0),
            result(submitted=1000.5),  # a submit that was moved on by a standstill, so that it seems to come yet
            result(),
            result(submitted=0.0, reviewed=True),
            result(submitted=0.0, priority="of a newer contract"),
        ],
        [],
    )
    assert distribution(tallies, "jurat_check_verdict_seconds", "interactive").sum == 1.0
    bulk = distribution(tallies, "jurat_check_verdict_seconds", "bulk")
    assert (bulk.counts[-1][1], bulk.sum) == (2, 100.0)


def test_sources_beyond_the_hundredth_are_counted_as_one() -> None:
    tallies = Tallies()
    tallies.count_claimed([check(f"s-{number}") for number in range(3 * MOST_SOURCES)])
    waits = tallies.figures().distributions["jurat_check_wait_seconds"]
    assert set(waits) == {(f"s-{number}",) for number in range(MOST_SOURCES)} | {(OTHER,)}
    assert waits[OTHER,].counts[-1][1] == 2 * MOST_SOURCES
    tallies.count_written([result(source="s-250"), result(source="s-7")], [])
    assert counts(tallies, "jurat_verdicts_total") == {(OTHER, "accepted"): 1, ("s-7", "accepted"): 1}


def test_a_statement_is_timed_whether_it_succeeds_or_not_and_only_success_is_an_answer() -> None:
    now = [0.0]
    tallies = Tallies(lambda: now[0])
    with contextlib.suppress(KeyError), tallies.time(StatementName.CLAIM):
        now[0] += 2
        raise KeyError
    assert tallies.answered_at == -math.inf
    with tallies.time(StatementName.CLAIM):
        now[0] += 3
    assert tallies.answered_at == 5
    assert distribution(tallies, "jurat_statement_duration_seconds", "claim").sum == 5
    tallies.note_answer()
    assert tallies.answered_at == 5


def test_threads_lose_no_count() -> None:
    tallies = Tallies()
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(500):
            tallies.count_bell(BellKind.RUNG)
            tallies.count_lost(1)
            tallies.count_outage()
            tallies.count_claimed([check()])
            tallies.figures()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(tallies, "jurat_bells_total") == {("rung",): 2000}
    assert counts(tallies, "jurat_leases_lost_total") == counts(tallies, "jurat_database_outages_total") == {(): 2000}
    assert distribution(tallies, "jurat_check_wait_seconds", "towns").counts[-1][1] == 2000


def test_counting_costs_a_check_some_microseconds() -> None:
    """Ten times what a quick machine needs: it is to find a loop over all sources, not a slow machine."""
    tallies = Tallies()
    checks = [result(submitted=0.0) for _ in range(500)]
    begun = time.process_time()
    for _ in range(20):
        tallies.count_claimed([each.held for each in checks])
        tallies.count_written(checks, [])
    assert (time.process_time() - begun) / 10_000 < 50e-6
