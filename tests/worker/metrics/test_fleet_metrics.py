"""What a scrape shows of the fleet: each metric of the list, closed labels, bounded series, and nobody's data."""

from __future__ import annotations

import re
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jurat.database import open_engine
from jurat.vocabulary import Reason
from store.monitoring.alarms import Alarm
from store.monitoring.conditions import findings
from store.monitoring.fleet import FleetReading, KeyReading, Observation, SourceState
from store.monitoring.fleet_reader import TABLES
from store.monitoring.notes import note_backup, note_keys
from store.queue.breakers import SourceFigures
from store.requests.request_rows import RequestKind
from store.schema.status import SchemaStatus
from store.upkeep.schedule import EVERY
from tasks.rules.source_limits import Demand
from tests.store.conftest import _desk_postgresql, _desk_sqlite, desk, postgresql, sqlite
from tests.store.desk import NUMBER_TAKEN, Desk
from tests.store.monitoring.fleets import OURS, THEIRS, report
from tests.store.monitoring.readings import HEALTHY, TOWNS, WORKER, observed, with_fleet, with_source
from tests.store.publications import CHOOSABLE, publish
from tests.store.requests.asked import asking, wait
from worker.metrics.fleet_metrics import FleetCollector
from worker.metrics.fleet_watch import FRESH, FleetWatch, Look
from worker.metrics.names import FLEET_METRICS, MOST_KEYS, MOST_SOURCES, MOST_VERSIONS, OTHER, WaitState

__all__ = ["_desk_postgresql", "_desk_sqlite", "desk", "postgresql", "sqlite"]

Scrape = Mapping[str, Mapping[tuple[str, ...], float]]
"""The samples of each metric by the values of its labels, in the order of the list."""

LABELS = {metric.name: metric.labels for metric in FLEET_METRICS}


class Seen(FleetWatch):
    """Has seen what a test says, so many seconds ago."""

    def __init__(self, seen: Observation | None, age: float = 0.0) -> None:
        self._look = Look(seen, findings(seen) if seen else [], age)

    def look(self) -> Look:
        return self._look


def text_of(watch: FleetWatch) -> str:
    registry = CollectorRegistry()
    registry.register(FleetCollector(watch))
    return generate_latest(registry).decode()


def parsed(text: str) -> Scrape:
    found: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert set(sample.labels) == set(LABELS[sample.name])
            labels = tuple(sample.labels[label] for label in LABELS[sample.name])
            assert labels not in found[sample.name], "one sample for each set of labels"
            found[sample.name][labels] = sample.value
    return found


def scrape(seen: Observation | None, age: float = 0.0) -> Scrape:
    return parsed(text_of(Seen(seen, age)))


@pytest.fixture
def watch(desk: Desk) -> Iterator[FleetWatch]:
    engine = open_engine(desk.url)
    yield FleetWatch(engine)
    engine.dispose()


def bring_about(desk: Desk) -> None:
    """A fleet of which everything is known."""
    desk.apply(CHOOSABLE)
    desk.submit_many(4)
    desk.settle(desk.claim_one(), NUMBER_TAKEN)
    desk.claim_one()
    report(desk, unseal_keys=(THEIRS,))
    wait(desk, asking(RequestKind.REVOKE))
    publish(desk)
    desk.sources.record({"towns": SourceFigures(answered=1, seconds=1.0)}, {})
    desk.upkeep.turns(EVERY)
    desk.upkeep.count_waiting({"towns": Demand("towns", 0, daily=10)})
    note_backup(desk.engine, "cron")
    note_keys(desk.engine, "an operator", [OURS])


# ------------------------------------------------------------------------------------------------ what is shown


def test_a_scrape_shows_each_metric_of_the_list_and_no_other(desk: Desk, watch: FleetWatch) -> None:
    bring_about(desk)
    found = parsed(text_of(watch))
    without = set() if desk.postgresql else {"jurat_table_bytes", "jurat_table_dead_rows"}
    assert set(found) == {metric.name for metric in FLEET_METRICS} - without


def test_it_shows_what_was_read(desk: Desk, watch: FleetWatch) -> None:
    bring_about(desk)
    found = parsed(text_of(watch))
    waiting = {state: found["jurat_checks_waiting"]["towns", state] for state in WaitState}
    assert waiting == {WaitState.DUE: 2, WaitState.LATER: 0, WaitState.LEASED: 1, WaitState.KEY_MISSING: 3}
    assert found["jurat_key_answers"] == {(OURS,): 4, (THEIRS,): 0}
    assert found["jurat_key_workers"] == {(OURS,): 0, (THEIRS,): 1}
    assert found["jurat_workers"] == {("yes",): 1, ("no",): 0}
    assert found["jurat_reviews_waiting"] == {("yes",): 0, ("no",): 1}
    assert found["jurat_requests_waiting"] == {("revoke",): 1}
    assert (found["jurat_slots"][()], found["jurat_publications_waiting"][()]) == (4, 1)
    assert found["jurat_source_day_used_ratio"] == {("towns",): 0}
    assert found["jurat_condition"]["JuratKeyMissing", "towns"] == 1
    assert {labels for labels, value in found["jurat_condition"].items() if value} == {("JuratKeyMissing", "towns")}
    assert (found["jurat_database_up"][()], found["jurat_database_writable"][()]) == (1, 1)


def test_labels_are_of_closed_lists(desk: Desk, watch: FleetWatch) -> None:
    bring_about(desk)
    closed: Mapping[str, set[str]] = {
        "condition": set(Alarm),
        "source": {"", *desk.configuration.sources},
        "status": set(SchemaStatus),
        "task": set(EVERY),
        "ready": {"yes", "no"},
        "overdue": {"yes", "no"},
        "version": {"1.0"},
        "key": {OURS, THEIRS},
        "kind": set(RequestKind),
        "table": set(TABLES),
    }
    for name, samples in parsed(text_of(watch)).items():
        for labels in samples:
            for label, value in zip(LABELS[name], labels, strict=True):
                states = SourceState if name == "jurat_source_state" else WaitState
                assert value in (closed[label] if label != "state" else set(states)), name


def test_nothing_that_a_person_or_platform_wrote_is_shown(desk: Desk, watch: FleetWatch) -> None:
    bring_about(desk)
    check = desk.submit("Jeanne Martin", "profession", answer={"word": "accept", "note": "my secret"})
    desk.sql("UPDATE jurat_checks SET answer_key = 'Claude Durand 13' WHERE id = :id", id=desk.id(check.id))
    text = text_of(watch)
    participants = [row[0] for row in desk.sql("SELECT participant FROM jurat_checks")]
    ids = [str(row[0]) for row in desk.sql("SELECT id FROM jurat_checks")]
    for written in (*participants, *ids, "Durand", "secret", "budget", "summer", "profession", "a clerk", "cron"):
        assert re.search(rf"\b{re.escape(written)}\b", text) is None, written


@pytest.mark.parametrize("seen", [SourceState.BROKEN, SourceState.PAUSED, SourceState.CLOSED, SourceState.OPEN])
def test_a_source_is_in_one_state(seen: SourceState) -> None:
    given: dict[str, Any] = {
        SourceState.BROKEN: {"broken_age": 1.0, "paused": 5.0},
        SourceState.PAUSED: {"paused": 5.0, "closed": 5.0},
        SourceState.CLOSED: {"paused": -5.0, "closed": 5.0},
        SourceState.OPEN: {"paused": -5.0, "closed": -5.0},
    }[seen]
    states = scrape(with_source(**given))["jurat_source_state"]
    assert states == {("towns", state): float(state is seen) for state in SourceState}


def test_what_is_unknown_is_not_shown() -> None:
    found = scrape(
        observed(
            replace(
                HEALTHY,
                sources=[replace(TOWNS, next_deadline=None, success_age=None, used=None)],
                config_version=None,
                backup_age=None,
                keys_age=None,
            )
        )
    )
    assert {metric.name for metric in FLEET_METRICS} - set(found) == {
        *("jurat_check_next_deadline_seconds", "jurat_source_last_success_timestamp_seconds"),
        *("jurat_source_day_used_ratio", "jurat_config_version"),
        *("jurat_backup_age_seconds", "jurat_keys_verified_age_seconds"),
    }


def test_times_are_those_of_the_look_and_nothing_is_due_for_less_than_no_time() -> None:
    newer, older = (scrape(with_source(success_age=100.0, oldest_due_age=-5.0), age) for age in (0.0, 40.0))
    name = "jurat_source_last_success_timestamp_seconds"
    assert 30 < newer[name]["towns",] - older[name]["towns",] <= 40
    assert older["jurat_reading_age_seconds"][()] == 40
    assert older["jurat_check_oldest_due_seconds"]["towns",] == 0


# ------------------------------------------------------------------------------------------------ bounds


def many(count: int, **given: Any) -> FleetReading:
    sources = [replace(TOWNS, name=f"source-{number:04}", used=0.95, limit=10, **given) for number in range(count)]
    return replace(HEALTHY, sources=sources)


def by_source(found: Scrape, *, conditions: bool) -> Counter[str]:
    return Counter(
        dict(zip(LABELS[name], labels, strict=True))["source"]
        for name, samples in found.items()
        if "source" in LABELS[name] and conditions == (name == "jurat_condition")
        for labels in samples
    )


def test_up_to_a_hundred_sources_are_shown_by_name_with_few_series_each() -> None:
    seen = observed(many(MOST_SOURCES))
    series = by_source(scrape(seen), conditions=False)
    assert len(series) == MOST_SOURCES
    assert OTHER not in series
    assert max(series.values()) <= 15
    assert len(text_of(Seen(seen))) <= 500_000


def test_further_sources_are_shown_together() -> None:
    found = scrape(observed(many(MOST_SOURCES + 3, key_missing=1)))
    series = by_source(found, conditions=False)
    assert len(series) == MOST_SOURCES + 1
    assert series[OTHER] == 5
    waiting = {state: found["jurat_checks_waiting"][OTHER, state] for state in WaitState}
    assert waiting == {WaitState.DUE: 9, WaitState.LATER: 6, WaitState.LEASED: 3, WaitState.KEY_MISSING: 3}
    assert found["jurat_wanted_slots"][OTHER,] == 3 * TOWNS.wanted


def test_a_scrape_stays_small_whatever_is_wrong_with_all_of_a_thousand_sources() -> None:
    wrong: dict[str, Any] = {
        "workers": 0,
        "broken_age": 5.0,
        "next_deadline": 1.0,
        "wait": 1e9,
        "last_failure": "source_credentials",
    }
    seen = observed(many(1_000, failure_age=0.1, **wrong))
    text = text_of(Seen(seen))
    assert len(text) <= 500_000
    conditions = by_source(parsed(text), conditions=True)
    assert len(set(conditions) - {"", OTHER}) == MOST_SOURCES
    assert conditions[OTHER] == max(conditions[name] for name in conditions if name)


def test_versions_and_keys_are_few() -> None:
    workers = [replace(WORKER, version=f"1.{number}") for number in range(9) for _ in range(9 - number)]
    keys = {f"{number:016x}": KeyReading(number, 1) for number in range(30)}
    found = scrape(with_fleet(workers=workers, keys=keys))
    assert found["jurat_worker_versions"] == {
        **{(f"1.{number}",): 9 - number for number in range(MOST_VERSIONS)},
        (OTHER,): 4 + 3 + 2 + 1,
    }
    most = {(f"{number:016x}",): float(number) for number in range(30 - MOST_KEYS, 30)}
    assert found["jurat_key_answers"] == most
    assert set(found["jurat_key_workers"]) == set(most)


# ------------------------------------------------------------------------------------------------ conditions


def conditions(seen: Observation) -> Mapping[tuple[str, ...], float]:
    return scrape(seen)["jurat_condition"]


def test_each_condition_that_does_not_hold_has_one_series() -> None:
    assert conditions(observed()) == {(alarm, ""): 0 for alarm in Alarm}


def test_a_condition_has_a_series_for_each_source_that_it_concerns() -> None:
    broken: dict[str, Any] = {"broken_age": 5.0, "last_failure": Reason.SOURCE_UNAVAILABLE, "failures": 5}
    sources = [replace(TOWNS, name=name, **broken) for name in ("ban", "rpps")]
    found = conditions(with_fleet(sources=sources, vanished=3))
    holding = {("JuratSourceBroken", "ban"), ("JuratSourceBroken", "rpps"), ("JuratWorkersRestart", "")}
    assert {labels for labels, value in found.items() if value == 1} == holding
    assert {alarm for alarm, _ in found} == set(Alarm)
    assert ("JuratSourceBroken", "") not in found
    assert all(source == "" for (_, source), value in found.items() if value == 0)


def test_two_keys_that_are_missing_at_one_source_are_one_series() -> None:
    found = conditions(with_fleet(missing={("towns", "0" * 16): 1, ("towns", "1" * 16): 2}))
    assert [labels for labels, value in found.items() if value] == [("JuratKeyMissing", "towns")]


def test_without_a_usable_schema_the_database_alone_is_shown() -> None:
    found = scrape(observed(None, schema=SchemaStatus.BEHIND))
    assert set(found) == {
        *("jurat_reading_age_seconds", "jurat_condition", "jurat_database_up", "jurat_database_writable"),
        "jurat_schema_status",
    }
    assert found["jurat_schema_status"] == {(status,): float(status == "behind") for status in SchemaStatus}
    assert found["jurat_condition"]["JuratSchemaUnusable", ""] == 1


def test_a_database_that_is_away_is_shown_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    engine = open_engine(f"postgresql://me:secret@127.0.0.1:{port}/jurat", deadline=5.0)
    text = text_of(FleetWatch(engine))
    engine.dispose()
    found = parsed(text)
    assert set(found) == {"jurat_reading_age_seconds", "jurat_condition", "jurat_database_up"}
    assert found["jurat_database_up"][()] == 0
    assert [labels for labels, value in found["jurat_condition"].items() if value] == [("JuratDatabaseAway", "")]
    assert "secret" not in text


# ------------------------------------------------------------------------------------------------ one look for many


def looks(statements: Sequence[str]) -> int:
    return sum("jurat_wanted" not in each and "FROM jurat_workers" in each for each in statements)


def test_many_scrapes_within_seconds_are_one_look_at_the_database(desk: Desk) -> None:
    now = [1000.0]
    watch = FleetWatch(desk.engine, clock=lambda: now[0])
    with desk.statements() as statements:
        FleetCollector(watch).describe()
        assert looks(statements) == 0, "none before somebody asks"
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(text_of, [watch] * 24))
        assert looks(statements) == 1
        assert len(set(texts)) == 1
        now[0] += FRESH - 0.1
        assert watch.look().age == pytest.approx(FRESH - 0.1)
        assert looks(statements) == 1
        now[0] += 0.1
        assert watch.look().age == 0
        assert looks(statements) == 2


def test_what_came_meanwhile_is_seen_by_the_next_look(desk: Desk) -> None:
    now = [1000.0]
    watch = FleetWatch(desk.engine, clock=lambda: now[0])
    assert parsed(text_of(watch))["jurat_checks_waiting"]["towns", "due"] == 0
    desk.submit_many(3)
    assert parsed(text_of(watch))["jurat_checks_waiting"]["towns", "due"] == 0
    now[0] += FRESH
    assert parsed(text_of(watch))["jurat_checks_waiting"]["towns", "due"] == 3
