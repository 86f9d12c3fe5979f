"""Writes that fail as if the database were away, although it is there; and claims that take long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from sqlalchemy.exc import OperationalError

from store.queue.claims import Claimed
from tasks.rules.source_limits import Demand
from tests.store.desk import entry
from tests.store.refusals import refusing
from tests.worker.engine import test_claimer as claims
from tests.worker.engine.test_writer import Bells, hand_on, held_row, make_writer
from tests.worker.engine.works import Works
from worker.engine.in_flight import InFlight
from worker.engine.wake_schedule import IDLE, MOST_SELDOM, WakeSchedule
from worker.engine.writer import Writer

TRIES = 80


def stepped(writer: Writer, done: Callable[[], bool]) -> bool:
    """Whether it is done within some steps, of which each may find the database away."""
    for _ in range(TRIES):
        with suppress(OperationalError):
            writer.step()
        if done():
            return True
    return False


@pytest.mark.parametrize("state", ["54001", "08001", "57014", "55000", "HV000"])
def test_a_trigger_that_looks_like_an_outage_harms_nobody_else(
    works: Works, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For psycopg these are operational errors: a recursion, another server that is down, a time-out."""
    monkeypatch.setattr("worker.engine.set_aside.FAILED_REST", 0.01)
    writer = make_writer(works, Bells())
    works.desk.submit_many(40)
    held = works.desk.claim(free=40)
    with refusing(works.desk, "p-2"):
        works.desk.sql(
            "CREATE OR REPLACE FUNCTION platform_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF (SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id) = 'p-2' THEN "
            f"RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
        )
        hand_on(writer, *map(entry, held))
        assert stepped(writer, lambda: works.settled == 39 and writer._apart.failed() == 1)
        works.desk.submit("p-next")
        hand_on(writer, *map(entry, works.desk.claim()))
        assert stepped(writer, lambda: works.settled == 40)
        assert writer._apart.failed() == 1
    assert stepped(writer, lambda: works.settled == 41)


def test_what_was_refused_is_kept_although_a_renewal_finds_the_database_away(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.set_aside.LASTING", 0.0)
    writer = make_writer(works, Bells())
    works.desk.submit_many(3)
    held = sorted(works.desk.claim(free=3), key=lambda check: check.participant)
    renew = writer._claims.renew

    def away(*_: object, **__: object) -> NoReturn:
        writer._claims.renew = renew  # type: ignore[method-assign]
        raise OperationalError("SELECT 1", {}, Exception("cut"))

    writer._claims.renew = away  # type: ignore[method-assign]
    with refusing(works.desk, "p-2"), held_row(works.desk, "p-1"):
        hand_on(writer, *map(entry, held))
        with pytest.raises(OperationalError):
            writer.step()
    assert stepped(writer, lambda: works.settled == 3)


def test_a_claim_that_takes_long_has_the_next_one_wait_for_seconds_and_no_thread_stand_still(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.plans.refresh()
    clock, waits = [1000.0], list[float]()
    monkeypatch.setattr("worker.engine.claimer.time.monotonic", lambda: clock[0])
    claimer: Any = claims.make(works, claims.Claims(), InFlight(2))
    claimer._wakes = wakes = WakeSchedule(lambda: clock[0])
    claimer._lacks.unseal_keys = {"0123456789abcdef": 1}

    def slow(demands: Sequence[Demand], slots: int) -> Claimed:
        clock[0] += 8.0
        return Claimed([], last_chances=False)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    claimer._claims.claim = slow
    wakes.wake()
    claimer.step()
    wakes._changed.wait = wait  # type: ignore[assignment]
    claimer.step()
    assert max(waits) <= IDLE
    assert sum(waits) <= MOST_SELDOM + IDLE
