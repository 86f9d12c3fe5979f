"""What a worker shows: closed labels, no person, few series, in little time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from jurat.vocabulary import Outcome, Priority, Reason, outcomes_of
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Later, Settle
from worker.health import Facts
from worker.metrics.names import (
    LOOKUP_BUCKETS,
    MOST_SOURCES,
    OTHER,
    STATEMENT_BUCKETS,
    WAIT_BUCKETS,
    BellKind,
    LookupResult,
    StatementName,
)
from worker.metrics.tallies import Tallies
from worker.metrics.worker_metrics import WorkerCollector

THREADS = ("claimer", "delay-queue", "writer", "renewer", "keeper")
INFO = {"version": "1", "contract": "1", "revision": "0001", "hostname": "here"}
SOURCES = ("ban", "rpps", OTHER)
BOUNDS = {f"{bound}" for bound in (*LOOKUP_BUCKETS, *WAIT_BUCKETS, *STATEMENT_BUCKETS)} | {"+Inf"}
CLOSED: Mapping[str, set[str]] = {
    "source": set(SOURCES),
    "result": set(LookupResult),
    "outcome": set(Outcome),
    "reason": set(Reason),
    "priority": set(Priority),
    "kind": set(BellKind),
    "statement": set(StatementName),
    "thread": set(THREADS),
    "le": BOUNDS,
    **{name: {value} for name, value in INFO.items()},
}

texts = st.text(max_size=40)
checks = st.builds(
    ClaimedCheck,
    id=st.uuids(),
    fence=st.integers(1, 2**40),
    consultation=texts,
    participant=texts,
    question=texts,
    source=st.sampled_from(SOURCES),
    sealed=st.binary(max_size=40),
    answer_key=texts,
    lookups=st.integers(0, 9),
    lost_leases=st.integers(0, 3),
    seconds_left=st.floats(-1e9, 1e9),
    priority=st.sampled_from(Priority) | texts,
    waited=st.floats(0, 1e9),
    submitted=st.none() | st.floats(-1e9, 1e9),
)
decisions = st.one_of(
    st.sampled_from(
        [Settle(outcome, reason, {"iris": "Valombre"}) for reason in Reason for outcome in outcomes_of(reason)]
    ),
    st.builds(Later, st.floats(0, 9), st.sampled_from(Reason)),
    st.builds(GiveBack),
)
attempts = st.none() | st.builds(
    Attempt,
    st.sampled_from(Ended),
    st.sampled_from(Reason),
    st.floats(0, 60),
    counted=st.booleans(),
    timed_out=st.booleans(),
)
results = st.builds(CheckResult, checks, decisions, st.integers(1, 9), attempts)


def facts(**given: Any) -> Facts:
    return Facts(64, 3, database=True, config_version=1, threads=dict.fromkeys(THREADS, 0.1), **given)


@pytest.mark.slow
@given(done=st.lists(results), refused=st.lists(results), secret=texts)
def test_labels_are_closed_lists_whatever_is_in_a_check(
    done: list[CheckResult], refused: list[CheckResult], secret: str
) -> None:
    """So that no participant, check, consultation or answer can be in a scrape."""
    tallies = Tallies()
    tallies.count_claimed([each.held for each in done])
    tallies.count_written(done, refused)
    strange = {secret: 3}
    shown = generate_latest(
        WorkerCollector(lambda: facts(strange=strange, schema=secret, name=secret), tallies, INFO)
    ).decode()
    for family in parse(shown):
        for sample in family.samples:
            for name, value in sample.labels.items():
                assert value in CLOSED[name], sample
    assert "Valombre" not in shown


def full() -> Tallies:
    """The tallies of a worker that has seen all that there is, of more sources than are shown."""
    tallies = Tallies()
    for number in range(2 * MOST_SOURCES):
        check = ClaimedCheck(
            UUID(int=number), 1, "", "", "", f"source-{number:040}", b"", "", 0, 0, 60.0, submitted=0.0
        )
        attempt = Attempt(Ended.ANSWERED, Reason.RECORD_MATCHES, 0.3)
        tallies.count_claimed([check])
        tallies.count_written([CheckResult(check, Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES), 1, attempt)], [])
    return tallies


def test_a_scrape_has_at_most_forty_series_a_source_and_three_hundred_besides() -> None:
    shown = generate_latest(WorkerCollector(facts, full(), INFO))
    assert len(shown) <= 500_000
    samples = [sample for family in parse(shown.decode()) for sample in family.samples]
    sources = {sample.labels["source"] for sample in samples if "source" in sample.labels}
    assert len(sources) == MOST_SOURCES + 1
    of_a_source = sum("source" in sample.labels for sample in samples) / len(sources)
    assert of_a_source <= 40
    assert sum("source" not in sample.labels for sample in samples) <= 300


def test_a_scrape_takes_little_time() -> None:
    """Of a hundred sources, more than any worker has; a usual one is asked for in a few milliseconds."""
    collector = WorkerCollector(facts, full(), INFO)
    took = []
    for _ in range(5):
        begun = time.process_time()
        generate_latest(collector)
        took.append(time.process_time() - begun)
    assert min(took) < 0.3  # ten times what is asked, on a machine ten times slower
