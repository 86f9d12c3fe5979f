"""When each condition holds, and when it just does not."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat.vocabulary import Reason
from store.monitoring.alarms import SEVERITY, Alarm, AlarmSeverity
from store.monitoring.conditions import (
    BACKUP,
    DEADLINE,
    LONGEST_WAIT,
    PROMPT,
    REQUEST,
    STUCK,
    VERIFIED,
    away,
    findings,
)
from store.monitoring.fleet import NO_KEY, FleetReading, KeyReading, Observation, SourceReading, Waiting
from store.restored import REASON as RESTORE
from store.schema.status import SchemaStatus
from store.seal_keys import NOTICE
from store.upkeep.schedule import EVERY
from store.workers import LIVE
from tests.store.monitoring.readings import (
    HEALTHY,
    KEY,
    TOWNS,
    WORKER,
    observed,
    with_fleet,
    with_source,
    with_worker,
)

A_LITTLE = 0.5
STILL = {"leased": 0, "success_age": STUCK + 1, "oldest_due_age": STUCK + A_LITTLE}
"""A source where checks are due, and nothing is looked up."""
BROKEN = {"broken_age": 10.0, "failures": 5, "last_failure": Reason.SOURCE_UNAVAILABLE}
REFUSED = {"failure_age": 1.0, "success_age": 2.0, "last_failure": Reason.SOURCE_CREDENTIALS}
THROTTLED = {"paused": 60.0, "pause_reason": Reason.SOURCE_THROTTLED}
SUSPECT = {"suspect_age": 7200.0, "suspect_reason": Reason.NAME_DIFFERS, "suspect_share": 0.6, "usual_share": 0.03}
OLD_WORKER = replace(WORKER, name="old@here", version="0.9")

HOLDS: list[tuple[Alarm, Observation]] = [
    (Alarm.DATABASE_READ_ONLY, observed(writable=False)),
    *((Alarm.SCHEMA_UNUSABLE, observed(None, schema=schema)) for schema in SchemaStatus if not schema.usable),
    (Alarm.NOBODY_WORKS, with_fleet(workers=[])),
    (Alarm.NOBODY_WORKS, with_worker(age=LIVE + A_LITTLE)),
    (Alarm.NOBODY_WORKS, with_worker(stopping=True)),
    (Alarm.NOBODY_WORKS, with_fleet(upkeep={**HEALTHY.upkeep, "leases": STUCK + A_LITTLE})),
    (Alarm.NOBODY_WORKS, with_source(paused=A_LITTLE, pause_reason=RESTORE)),
    (Alarm.KEY_MISSING, with_fleet(missing={("towns", KEY): 1})),
    (Alarm.KEY_MISSING, with_fleet(missing={("towns", NO_KEY): 1})),
    (Alarm.SOURCE_UNSERVED, with_source(workers=0, due=0, later=1, leased=0)),
    (Alarm.DEADLINES_AHEAD, with_source(workers=0, next_deadline=DEADLINE - A_LITTLE)),
    (Alarm.DEADLINES_AHEAD, with_source(workers=0, next_deadline=-5.0)),
    (Alarm.DEADLINES_AHEAD, with_source(**BROKEN, next_deadline=DEADLINE - A_LITTLE)),
    (Alarm.CHECKS_STUCK, with_source(**STILL)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, next_start=-1.0, used=0.5)),
    (Alarm.CHECKS_STUCK, with_source(**{**STILL, "success_age": None})),
    (Alarm.CHECKS_STUCK, with_source(**STILL, key_missing=2)),
    (Alarm.REQUESTS_STUCK, with_fleet(requests={"erase": Waiting(1, 1, REQUEST + A_LITTLE)})),
    (Alarm.SOURCE_BROKEN, with_source(**BROKEN)),
    (Alarm.SOURCE_BROKEN, with_source(**BROKEN, paused=60.0)),
    (Alarm.SOURCE_REFUSES_US, with_source(**REFUSED)),
    (Alarm.SOURCE_REFUSES_US, with_source(**{**REFUSED, "success_age": None})),
    (Alarm.SOURCE_REFUSES_US, with_source(**THROTTLED)),
    (Alarm.SOURCE_REFUSES_US, with_source(**{**REFUSED, "last_failure": Reason.SOURCE_THROTTLED})),
    (Alarm.SOURCE_SUSPECT, with_source(suspect_age=0.0)),
    (Alarm.SOURCE_SUSPECT, with_source(**SUSPECT, **BROKEN)),
    (Alarm.BACKLOG_GROWS, with_source(due=8, oldest_due_age=PROMPT + A_LITTLE)),
    (Alarm.BACKLOG_GROWS, with_source(wait=LONGEST_WAIT + A_LITTLE)),
    *(
        (Alarm.UPKEEP_LATE, with_fleet(upkeep={**HEALTHY.upkeep, task: max(3 * every, LIVE) + A_LITTLE}))
        for task, every in EVERY.items()
        if task != "figures"
    ),
    (Alarm.UPKEEP_LATE, with_source(figures_age=LIVE + A_LITTLE)),
    (Alarm.REVIEWS_OVERDUE, with_fleet(reviews=Waiting(2, 1, 3 * EVERY["reviews"] + A_LITTLE))),
    (Alarm.DAY_NEARLY_USED, with_source(used=0.91)),
    (Alarm.DAY_NEARLY_USED, with_source(used=1.5)),
    (Alarm.CONFIG_NOT_TAKEN, with_fleet(config_version=5)),
    (Alarm.CONFIG_NOT_TAKEN, with_worker(config_version=None)),
    (Alarm.VERSIONS_MIXED, with_fleet(workers=[WORKER, OLD_WORKER])),
    (Alarm.WORKERS_RESTART, with_fleet(vanished=3)),
    (Alarm.BACKUP_OLD, with_fleet(backup_age=BACKUP + A_LITTLE)),
    (Alarm.KEYS_UNVERIFIED, with_fleet(keys_age=VERIFIED + A_LITTLE)),
    (Alarm.SEAL_KEY_DUE, with_fleet(seal_key_left=NOTICE - A_LITTLE)),
    (Alarm.SEAL_KEY_DUE, with_fleet(seal_key_left=-A_LITTLE)),
]

HOLDS_NOT: list[tuple[Alarm, Observation]] = [
    (Alarm.SCHEMA_UNUSABLE, observed(schema=SchemaStatus.AHEAD)),
    (Alarm.NOBODY_WORKS, with_worker(age=LIVE)),
    (Alarm.NOBODY_WORKS, with_fleet(workers=[WORKER, replace(WORKER, stopping=True)])),
    (Alarm.NOBODY_WORKS, with_fleet(upkeep={**HEALTHY.upkeep, "leases": STUCK})),
    (Alarm.NOBODY_WORKS, with_fleet(upkeep={})),
    (Alarm.NOBODY_WORKS, with_source(paused=A_LITTLE, pause_reason="holidays")),
    (Alarm.SOURCE_UNSERVED, with_source(workers=0, due=0, later=0, leased=0)),
    (Alarm.SOURCE_UNSERVED, observed(replace(HEALTHY, workers=[], sources=[replace(TOWNS, workers=0)]))),
    (Alarm.DEADLINES_AHEAD, with_source(workers=0, next_deadline=DEADLINE)),
    (Alarm.DEADLINES_AHEAD, with_source(next_deadline=1.0)),
    (Alarm.DEADLINES_AHEAD, with_source(workers=0, next_deadline=1.0, paused=5.0)),
    (Alarm.DEADLINES_AHEAD, with_source(**BROKEN, next_deadline=1.0, closed=5.0)),
    (Alarm.DEADLINES_AHEAD, with_source(workers=0, due=0, later=0, leased=0, next_deadline=None)),
    (Alarm.CHECKS_STUCK, with_source(**{**STILL, "oldest_due_age": STUCK})),
    (Alarm.CHECKS_STUCK, with_source(**{**STILL, "oldest_due_age": None})),
    (Alarm.CHECKS_STUCK, with_source(**{**STILL, "leased": 1})),
    (Alarm.CHECKS_STUCK, with_source(**{**STILL, "success_age": STUCK - 1})),
    (Alarm.CHECKS_STUCK, with_source(**STILL, failure_age=STUCK - 1)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, paused=5.0)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, closed=5.0)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, **BROKEN)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, workers=0)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, next_start=0.5)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, used=1.0)),
    (Alarm.CHECKS_STUCK, with_source(**STILL, key_missing=3)),
    (Alarm.REQUESTS_STUCK, with_fleet(requests={"erase": Waiting(9, 9, REQUEST)})),
    (Alarm.SOURCE_BROKEN, with_source(failures=4, last_failure=Reason.SOURCE_UNAVAILABLE, failure_age=1.0)),
    (Alarm.SOURCE_REFUSES_US, with_source(**{**REFUSED, "success_age": 0.5})),
    (Alarm.SOURCE_REFUSES_US, with_source(**{**REFUSED, "last_failure": Reason.SOURCE_UNAVAILABLE})),
    (Alarm.SOURCE_REFUSES_US, with_source(**{**THROTTLED, "paused": -1.0})),
    (Alarm.SOURCE_REFUSES_US, with_source(**THROTTLED, used=1.0)),
    (Alarm.SOURCE_REFUSES_US, with_source(paused=60.0, pause_reason="operator")),
    (Alarm.SOURCE_SUSPECT, with_source(**{**SUSPECT, "suspect_age": None})),
    (Alarm.BACKLOG_GROWS, with_source(due=7, oldest_due_age=100.0, wait=None)),
    (Alarm.BACKLOG_GROWS, with_source(due=900, oldest_due_age=PROMPT)),
    (Alarm.BACKLOG_GROWS, with_source(due=900, limit=8, oldest_due_age=100.0)),
    (Alarm.BACKLOG_GROWS, with_source(due=900, oldest_due_age=100.0, paused=5.0)),
    (Alarm.BACKLOG_GROWS, with_source(wait=LONGEST_WAIT)),
    (Alarm.BACKLOG_GROWS, with_source(wait=LONGEST_WAIT + 1, closed=5.0)),
    (Alarm.BACKLOG_GROWS, with_source(wait=LONGEST_WAIT + 1, **BROKEN)),
    *(
        (Alarm.UPKEEP_LATE, with_fleet(upkeep={**HEALTHY.upkeep, task: max(3 * every, LIVE)}))
        for task, every in EVERY.items()
    ),
    (Alarm.UPKEEP_LATE, with_source(figures_age=LIVE)),
    (Alarm.UPKEEP_LATE, observed(replace(HEALTHY, workers=[], upkeep=dict.fromkeys(EVERY, 1e6)))),
    (Alarm.REVIEWS_OVERDUE, with_fleet(reviews=Waiting(10_000, 0, 0.0))),
    (Alarm.REVIEWS_OVERDUE, with_fleet(reviews=Waiting(2, 1, 3 * EVERY["reviews"]))),
    (Alarm.DAY_NEARLY_USED, with_source(used=0.9)),
    (Alarm.CONFIG_NOT_TAKEN, with_worker(config_version=5)),
    (Alarm.CONFIG_NOT_TAKEN, with_fleet(workers=[WORKER, replace(WORKER, config_version=1, stopping=True)])),
    (Alarm.CONFIG_NOT_TAKEN, with_fleet(workers=[WORKER, replace(WORKER, config_version=1, age=LIVE + 1)])),
    (Alarm.CONFIG_NOT_TAKEN, with_fleet(workers=[replace(WORKER, config_version=None)], config_version=None)),
    (Alarm.VERSIONS_MIXED, with_fleet(workers=[WORKER, replace(OLD_WORKER, stopping=True)])),
    (Alarm.VERSIONS_MIXED, with_fleet(workers=[WORKER, replace(OLD_WORKER, age=LIVE + 1)])),
    (Alarm.WORKERS_RESTART, with_fleet(vanished=2)),
    (Alarm.BACKUP_OLD, with_fleet(backup_age=BACKUP)),
    (Alarm.BACKUP_OLD, with_fleet(backup_age=None)),
    (Alarm.KEYS_UNVERIFIED, with_fleet(keys_age=VERIFIED)),
    (Alarm.KEYS_UNVERIFIED, with_fleet(keys_age=None)),
    (Alarm.SEAL_KEY_DUE, with_fleet(seal_key_left=NOTICE)),
    (Alarm.SEAL_KEY_DUE, with_fleet(seal_key_left=None)),
]


def alarms(seen: Observation) -> set[Alarm]:
    return {each.alarm for each in findings(seen)}


def test_a_healthy_fleet_has_no_finding() -> None:
    assert findings(observed()) == []


@pytest.mark.parametrize(("alarm", "seen"), HOLDS, ids=lambda value: value if isinstance(value, Alarm) else "")
def test_a_condition_holds(alarm: Alarm, seen: Observation) -> None:
    assert alarm in alarms(seen)


@pytest.mark.parametrize(("alarm", "seen"), HOLDS_NOT, ids=lambda value: value if isinstance(value, Alarm) else "")
def test_a_condition_just_does_not_hold(alarm: Alarm, seen: Observation) -> None:
    assert alarm not in alarms(seen)


def test_each_condition_is_found_by_some_reading_and_missed_by_another() -> None:
    assert {alarm for alarm, _ in HOLDS} == set(Alarm) - {Alarm.DATABASE_AWAY}
    assert away("it does not answer", "start it").alarm is Alarm.DATABASE_AWAY
    assert set(Alarm) - {alarm for alarm, _ in HOLDS_NOT} == {
        *(Alarm.DATABASE_AWAY, Alarm.DATABASE_READ_ONLY, Alarm.KEY_MISSING)
    }, "these have no border"


def test_all_that_loses_answers_calls_someone() -> None:
    assert {alarm for alarm in Alarm if SEVERITY[alarm] is AlarmSeverity.PAGE} == {
        *(Alarm.DATABASE_AWAY, Alarm.DATABASE_READ_ONLY, Alarm.SCHEMA_UNUSABLE, Alarm.NOBODY_WORKS),
        *(Alarm.KEY_MISSING, Alarm.SOURCE_UNSERVED, Alarm.DEADLINES_AHEAD, Alarm.CHECKS_STUCK, Alarm.REQUESTS_STUCK),
    }


def test_a_database_that_cannot_be_read_has_no_other_findings() -> None:
    assert alarms(observed(None, writable=False, schema=SchemaStatus.BEHIND)) == {
        *(Alarm.DATABASE_READ_ONLY, Alarm.SCHEMA_UNUSABLE)
    }


def test_what_only_follows_from_a_read_only_database_is_not_shown() -> None:
    nobody = replace(HEALTHY, workers=[], upkeep=dict.fromkeys(EVERY, 3600.0))
    assert alarms(observed(nobody, writable=False)) == {Alarm.DATABASE_READ_ONLY}


def test_more_slots_are_wanted_only_where_they_would_be_used() -> None:
    crowd = {"due": 1000, "oldest_due_age": 60.0 - 1, "wait": 3600.0}
    assert alarms(with_source(**crowd)) == {Alarm.BACKLOG_GROWS}
    assert Alarm.BACKLOG_GROWS not in alarms(with_source(**crowd, key_missing=1000))
    assert Alarm.BACKLOG_GROWS not in alarms(with_source(**crowd, workers=0))


def test_a_key_that_a_worker_elsewhere_has_is_not_to_be_brought_back() -> None:
    for keys, advice in (
        ({KEY: KeyReading(1, 0)}, f"bring back the key with the id {KEY}"),
        ({KEY: KeyReading(1, 2)}, "have a worker with that key serve towns"),
        ({}, f"bring back the key with the id {KEY}"),
    ):
        (found,) = findings(with_fleet(missing={("towns", KEY): 1}, keys=keys))
        assert found.advice.startswith(advice)
        assert found.source == "towns"
    (found,) = findings(with_fleet(missing={("towns", NO_KEY): 1}))
    assert "bring back" not in found.advice


def test_a_suspect_source_has_its_shares_and_the_command_that_ends_it() -> None:
    (found,) = findings(with_source(**SUSPECT))
    assert found.found == (
        "suspect for 2 hours: 60% of its results were name_differs, usually 3%; its refusals are held back"
    )
    assert "bin/jurat sources trust towns" in found.advice


def test_sentences_count_in_words_that_fit() -> None:
    (one,) = findings(with_fleet(missing={("towns", KEY): 1}))
    (more,) = findings(with_fleet(missing={("towns", KEY): 2500}))
    assert "opens 1 answer sealed" in one.found
    assert "opens 2,500 answers sealed" in more.found


NUMBERS = st.none() | st.floats(-1e6, 1e6)
SOURCES = st.builds(
    SourceReading,
    **{
        **{field.name: NUMBERS for field in fields(SourceReading)},
        **dict.fromkeys(("due", "later", "leased", "failures", "key_missing", "workers"), st.integers(0, 20_000)),
        "name": st.sampled_from(["ban", "rpps", "towns"]),
        "limit": st.none() | st.integers(0, 100),
        "pause_reason": st.none() | st.sampled_from([*Reason]),
        "last_failure": st.none() | st.sampled_from([*Reason]),
        "suspect_reason": st.none() | st.sampled_from([*Reason]),
    },
)
FLEETS = st.builds(
    replace,
    st.just(HEALTHY),
    sources=st.lists(SOURCES, max_size=4),
    workers=st.lists(st.builds(replace, st.just(WORKER), age=st.floats(0, 60), stopping=st.booleans()), max_size=3),
    missing=st.dictionaries(st.tuples(st.sampled_from(["ban", "towns"]), st.just(KEY)), st.integers(1, 9)),
    upkeep=st.dictionaries(st.sampled_from([*EVERY]), st.floats(0, 1e6)),
    vanished=st.integers(0, 5),
    backup_age=NUMBERS,
)


@given(FLEETS, st.booleans())
def test_whatever_was_read_the_gravest_is_said_first_and_each_with_its_page(
    fleet: FleetReading, writable: bool
) -> None:
    found = findings(Observation(writable, SchemaStatus.CURRENT, fleet))
    order = [list(Alarm).index(each.alarm) for each in found]
    assert order == sorted(order)
    severities = [each.severity for each in found]
    assert severities == sorted(severities, key=[*AlarmSeverity].index)
    for each in found:
        assert each.runbook == f"docs/runbooks/{each.alarm}.md"
        assert each.found
        assert each.advice
        for sentence in (each.found, each.advice):
            assert sentence.strip(".") == sentence
            assert "None" not in sentence
            assert " nan" not in sentence
    assert not writable or Alarm.DATABASE_READ_ONLY not in {each.alarm for each in found}


def test_each_condition_has_the_name_of_an_alert() -> None:
    assert all(alarm.startswith("Jurat") and Path(alarm).name == alarm for alarm in Alarm)
