"""The wanted slots by the rule and by the function, for what scales workers by one SELECT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from store.workers import LIVE
from tests.store.desk import DOCUMENT, Desk
from tests.store.monitoring.fleets import fleet, report

_CHECKS = """
    INSERT INTO jurat_checks (id, consultation, participant, question, priority, answer_key, state, source, lost_leases,
                              due_at, submitted_at, deadline_at)
    SELECT gen_random_uuid(), :consultation, :prefix || n, 'residence', :priority, NULL, :state, :source, :lost,
           NOW(:due), NOW(-3600), NOW(3600) FROM generate_series(1, :count) AS n"""


@dataclass(frozen=True)
class Row:
    """A source and its checks. Times are seconds from now, `counted` is what a worker noted `figures` seconds ago."""

    due: int = 0
    later: int = 0
    last_chances: int = 0
    leased: int = 0
    figures: float | None = None
    counted: int = 0
    paused: float | None = None
    closed: float | None = None
    is_broken: bool = False
    limit: int | None = None


SOURCES = sorted(DOCUMENT["sources"])
TIMES = st.none() | st.sampled_from([-500.0, 500.0])
ROWS = st.builds(
    Row,
    due=st.integers(0, 4),
    later=st.integers(0, 4),
    last_chances=st.integers(0, 3),
    leased=st.integers(0, 3),
    figures=st.sampled_from([None, 1.0, LIVE + 60]),
    counted=st.integers(0, 5) | st.sampled_from([999, 1_000, 1_001, 10_000]),
    paused=TIMES,
    closed=TIMES,
    is_broken=st.booleans(),
    limit=st.none() | st.integers(0, 8) | st.just(2_000),
)


def insert(desk: Desk, source: str, count: int, **given: Any) -> None:
    usual = {"consultation": "budget", "priority": "interactive", "state": "pending", "lost": 0, "due": -10.0}
    prefix = f"{source} {sorted(given.items())} "
    desk.sql(
        _CHECKS.replace("NOW(:due)", f"NOW({given.get('due', -10.0)})"),
        **{**usual, **given, "source": source, "count": count, "prefix": prefix},
    )


def lay_in(desk: Desk, source: str, row: Row) -> None:
    insert(desk, source, row.due)
    # Of bulk, which is counted first.
    insert(desk, source, row.later, due=600.0, priority="bulk")
    insert(desk, source, row.last_chances, lost=2)
    insert(desk, source, row.leased, state="leased")
    times = {
        "figures_at": None if row.figures is None else -row.figures,
        "paused_until": row.paused,
        "closed_until": row.closed,
        "opened_at": -5.0 if row.is_broken else None,
    }
    changes = ", ".join(f"{name} = {'NULL' if ago is None else f'NOW({ago})'}" for name, ago in times.items())
    desk.sql(
        f"UPDATE jurat_sources SET {changes}, due = :due, waiting = :due, most_slots = :limit WHERE name = :source",
        due=row.counted,
        limit=row.limit,
        source=source,
    )


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ROWS, min_size=len(SOURCES), max_size=len(SOURCES)))
@example([Row(due=1_100, last_chances=2), Row(later=1_100, due=3), Row(due=5, leased=2, limit=4), Row(due=3)])
@example([Row(figures=1.0, counted=7), Row(figures=90.0, counted=7), Row(due=2, closed=500.0), Row(is_broken=True)])
@example(
    [Row(due=3, is_broken=True), Row(due=3, paused=500.0, is_broken=True), Row(due=3, paused=-500.0), Row(leased=2)]
)
def test_the_function_wants_what_the_rule_wants(postgresql: Desk, rows: list[Row]) -> None:
    postgresql.clear()
    postgresql.apply(DOCUMENT)
    for source, row in zip(SOURCES, rows, strict=True):
        lay_in(postgresql, source, row)
    report(postgresql)  # without a worker a reader trusts no figures
    seen = fleet(postgresql)
    assert [each.name for each in seen.sources] == SOURCES
    assert postgresql.one("SELECT jurat_wanted_slots()") == sum(each.wanted for each in seen.sources)


def test_the_function_wants_nothing_without_sources(postgresql: Desk) -> None:
    postgresql.clear()
    assert postgresql.one("SELECT jurat_wanted_slots()") == 0
