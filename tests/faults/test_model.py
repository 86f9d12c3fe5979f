"""The ledger as a state machine, on both engines: whatever order things happen in, the invariants hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from store.requests.code_lists import add_codes
from tests.faults.outages import Outages
from tests.faults.standing_clock import StandingClock
from tests.faults.told import CODES, CONFIGURATIONS
from tests.rigs.servers import Databases
from tests.store.desk import ADMIN, Desk

Start = Callable[[], Outages]


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def start_sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts the machine on a file of its own each time."""
    made: list[tuple[Desk, Path]] = []

    def start() -> Outages:
        while made:
            desk, path = made.pop()
            desk.close()
            for each in path.parent.glob(path.name + "*"):
                each.unlink()
        path = tmp_path / "model.db"
        shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), path)
        desk = Desk(f"sqlite:///{path}")
        made.append((desk, path))
        return _machine(desk, StandingClock(desk.engine))

    yield start
    for desk, _ in made:
        desk.close()


@pytest.fixture
def start_postgresql(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Start]:
    """Starts the machine on the same database each time, cleared."""
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url)
    clock = StandingClock(desk.engine)

    def start() -> Outages:
        clock.reset()
        desk.clear()
        desk.publisher.apply(CONFIGURATIONS[0], ADMIN)
        return _machine(desk, clock)

    yield start
    desk.close()
    postgresql_server.drop(url)


def _machine(desk: Desk, clock: StandingClock) -> Outages:
    add_codes(desk.engine, "spring", CODES, ADMIN)
    return Outages(desk, clock)


@pytest.fixture(params=["sqlite", "postgresql"])
def start(request: pytest.FixtureRequest) -> Start:
    found: Start = request.getfixturevalue(f"start_{request.param}")
    return found


def _run(start: Start, examples: int) -> None:
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    given = settings(max_examples=examples, stateful_step_count=60, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(start, settings=given)  # type: ignore[arg-type]  # any factory will do


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)  # a failure is made small before it is shown
def test_every_check_gets_one_verdict_of_who_still_held_it(start: Start) -> None:
    _run(start, 30)
