from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from jurat.vocabulary import Reason
from tasks.checks import CheckResult, Ended, GiveBack, Later, NextSource
from tests.store.desk import UNAVAILABLE, Desk, attempt, entry
from tests.store.refusals import refusing
from tests.worker.engine.works import Works, soon
from worker.engine import set_aside
from worker.engine import writer as writing
from worker.engine.failure_reporter import FailureReporter
from worker.engine.in_flight import InFlight
from worker.engine.local_breaker import LocalBreaker
from worker.engine.writer import Writer


class Bells:
    """Stands for the claimer's schedule; keeps when it was to wake."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.leases_ended = 0
        self.backlogged: set[str] = set()

    def wake(self) -> None:
        self.wake_in(0.0)

    def wake_in(self, seconds: float) -> None:
        self.times.append(seconds)

    def write_ended(self) -> None:
        self.leases_ended += 1


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def writer(works: Works, bells: Bells) -> Writer:
    """A writer that was not started."""
    return make_writer(works, bells)


def make_writer(works: Works, bells: Bells) -> Writer:
    works.plans.refresh()
    desk = works.desk
    breaker = LocalBreaker(works.plans.breaker)
    reporter = FailureReporter(desk.sources, breaker, bells)  # type: ignore[arg-type]
    return Writer(desk.verdict_writer, desk.claims, InFlight(99), reporter, bells)  # type: ignore[arg-type]


def hand_on(writer: Writer, *entries: CheckResult) -> None:
    writer._in_flight.add(each.held for each in entries)
    writer._in_flight.mark_looked_up(each.held for each in entries)
    for each in entries:
        writer.hand_on(each)


def test_whatever_has_finished_is_written_in_one_transaction(works: Works, writer: Writer) -> None:
    works.desk.submit_many(30)
    held = works.desk.claim(free=30)
    hand_on(writer, *map(entry, held))
    with works.desk.statements() as seen:
        writer.step()
    assert works.settled == 30
    assert len(seen) < 10
    assert len(writer._in_flight) == 0


def test_no_batch_is_larger_than_it_may_be(works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BATCH", 10)
    works.desk.submit_many(25)
    hand_on(writer, *map(entry, works.desk.claim(free=25)))
    for expected in (10, 20, 25):
        writer.step()
        assert works.settled == expected


def test_the_claimer_is_woken_for_what_is_due_later_and_for_the_next_source(
    works: Works, writer: Writer, bells: Bells
) -> None:
    works.desk.submit_many(3)
    first, second, third = works.desk.claim()
    hand_on(
        writer,
        entry(first),
        entry(second, Later(7.0, Reason.SOURCE_UNAVAILABLE)),
        entry(third, NextSource("ban", Reason.ADDRESS_NOT_FOUND)),
    )
    writer.step()
    assert bells.times == [0.0], "what is due first"
    assert bells.leases_ended == 1


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_the_claimer_is_woken_for_what_is_given_back_when_it_is_due(
    works: Works, writer: Writer, bells: Bells, seconds: float
) -> None:
    hand_on(writer, entry(works.desk.held(), GiveBack(seconds)))
    writer.step()
    assert bells.times == [seconds]


def test_a_source_is_paused_once_for_all_of_a_batch_and_for_the_longest_time(works: Works, writer: Writer) -> None:
    works.desk.submit_many(9)
    held = works.desk.claim()
    hand_on(writer, *(entry(check, Later(1, Reason.SOURCE_THROTTLED, 60.0 * n)) for n, check in enumerate(held)))
    with works.desk.statements() as seen:
        writer.step()
    assert sum("paused_until =" in statement for statement in seen) == 1
    assert works.desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until > NOW(470)") == 1


def test_answers_cost_no_statement_of_their_own_and_failures_are_noted_at_once(works: Works, writer: Writer) -> None:
    works.desk.submit_many(3)
    first, second, third = works.desk.claim()
    hand_on(writer, entry(first, attempt=attempt()), entry(second, attempt=attempt()))
    with works.desk.statements() as seen:
        writer.step()
    assert not any("UPDATE jurat_sources" in statement for statement in seen)
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNREADABLE)
    hand_on(writer, entry(third, Later(1, Reason.SOURCE_UNREADABLE), attempt=failed))
    writer.step()
    assert works.desk.sql("SELECT failures, last_failure FROM jurat_sources WHERE name = 'towns'") == [
        (1, "source_unreadable")
    ]


def test_what_could_not_be_noted_is_noted_in_the_next_step(works: Works, writer: Writer) -> None:
    held = works.desk.held()
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE)
    hand_on(writer, entry(held, Later(1, Reason.SOURCE_UNAVAILABLE), attempt=failed))
    away = OperationalError("", {}, Exception("away"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(works.desk.sources, "record", Mock(side_effect=away))
        with pytest.raises(OperationalError):
            writer.step()
    assert (works.desk.row(held.id, "state"), len(writer._in_flight)) == ("pending", 0)
    writer.stop()
    writer.step()
    assert works.desk.one("SELECT failures FROM jurat_sources WHERE name = 'towns'") == 1


def test_the_gate_hears_of_what_is_written_and_of_what_is_refused(works: Works, writer: Writer) -> None:
    works.desk.submit_many(6)
    held = works.desk.claim()
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE)
    entries = [entry(check, Later(1, Reason.SOURCE_UNAVAILABLE), attempt=failed) for check in held]
    writer._reporter._breaker.count_results(entries)
    works.desk.sql("UPDATE jurat_checks SET fence = fence + 1 WHERE participant = 'p-1'")
    hand_on(writer, *entries)
    assert writer._reporter._breaker.is_shut("towns")
    writer.step()
    assert writer.refused == 1
    assert not writer._reporter._breaker.is_shut("towns"), "the ledger knows of the breaker now"
    assert works.desk.one("SELECT opened_at IS NOT NULL FROM jurat_sources WHERE name = 'towns'")


def test_what_could_not_be_written_is_written_later_and_the_end_waits_for_it(works: Works, writer: Writer) -> None:
    held = works.desk.held()
    hand_on(writer, entry(held))
    writer.stop()
    write: Callable[..., Any] = works.desk.verdict_writer.write
    failures = [OperationalError("", {}, Exception("away"))] * 2

    def fail_twice(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return write(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer._verdict_writer, "write", fail_twice)
        writer.start()
        assert writer.join(60)
    assert works.settled == 1


def test_what_was_committed_without_an_answer_is_neither_repeated_nor_refused(works: Works, writer: Writer) -> None:
    """The connection broke after the commit of the first; the second was handed on meanwhile."""
    first, second = works.desk.held(), works.desk.held("p-2")
    write: Callable[..., Any] = works.desk.verdict_writer.write

    def lose_answer(entries: Any) -> Any:
        write(entries)
        raise OperationalError("", {}, Exception("server closed the connection"))

    hand_on(writer, entry(first))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer._verdict_writer, "write", lose_answer)
        with pytest.raises(OperationalError):
            writer.step()
    hand_on(writer, entry(second))
    writer.step()
    assert (writer.written, writer.refused, works.settled) == (1, 0, 1)
    writer.step()
    assert (writer.written, writer.refused, works.settled) == (2, 0, 2)


# ------------------------------------------------------------------------------------------------ what is busy


@contextmanager
def held_row(desk: Desk, *participants: str) -> Iterator[None]:
    """A transaction of the platform that holds the access rows of these participants."""
    with desk.engine.connect() as platform, platform.begin() as transaction:
        platform.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        sql = "SELECT 1 FROM jurat_access WHERE participant = ANY(:names) FOR UPDATE"
        platform.execute(text(sql), {"names": list(participants)})
        yield
        transaction.rollback()


def step_until(writer: Writer, condition: Callable[[], object]) -> bool:
    """Whether the condition comes to hold while the writer does one step after the other."""

    def after_step() -> object:
        writer.step()
        return condition()

    return soon(after_step)


def test_a_busy_row_is_tried_again_until_it_is_free_and_the_end_waits_for_it(
    works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LAST_TRIES", 60.0)
    held = works.desk.held()
    with held_row(works.desk, held.participant):
        hand_on(writer, entry(held))
        writer.stop()
        writer.start()
        assert not writer.join(0.3)
        assert works.settled == 0
    assert writer.join(60)
    assert works.settled == 1


def test_a_writer_that_ends_gives_back_what_stays_busy(works: Works, writer: Writer) -> None:
    held = works.desk.held()
    with held_row(works.desk, held.participant):
        hand_on(writer, entry(held, attempt=attempt()))
        writer.stop()
        writer.start()
        assert writer.join(60)
    assert works.desk.row(held.id, "state, lookups, lost_leases, lease_until") == ("pending", 0, 0, None)
    assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE due_at <= NOW") == 1


def test_what_stays_busy_counts_against_nothing_and_is_written_once_it_is_free(
    works: Works, writer: Writer, bells: Bells
) -> None:
    works.desk.submit_many(6)
    held = works.desk.claim(free=6)
    busy = [check for check in held if check.participant in ("p-1", "p-4")]
    with held_row(works.desk, "p-1", "p-4"):
        hand_on(writer, *(entry(check, attempt=attempt()) for check in held))
        assert step_until(writer, lambda: not writer._in_flight.under_way())
        assert works.settled == 4
        assert (writer._in_flight.unwritten(), len(writer._in_flight), writer.handled) == (0, 2, 6)
        assert writer._in_flight.hold_only_apart(works.plans.longest), "a check that must be alone can be"
        assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE lease_until > NOW(20)") == 2
        works.desk.submit("p-9")
        assert len(works.desk.claim(concurrency=1)) == 1, "nor does their source's concurrency count them"
    assert step_until(writer, lambda: works.settled == 6)
    assert len(writer._in_flight) == 0
    assert {verdict for check in busy for verdict in works.desk.verdicts(check.id)} == {("accepted", "record_matches")}
    assert writer.refused == 0


def test_the_breaker_does_not_wait_for_a_row_that_somebody_holds(works: Works, writer: Writer) -> None:
    """The lookup of a probe has succeeded; that its participant's row is held is nothing to its source."""
    held = works.desk.held()
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE)
    writer._reporter._breaker.count_results([entry(held, UNAVAILABLE, attempt=failed)])
    with held_row(works.desk, held.participant):
        hand_on(writer, entry(held, UNAVAILABLE, attempt=failed))
        assert step_until(writer, lambda: not writer._reporter._breaker._unwritten["towns"])
        assert works.desk.one("SELECT failures FROM jurat_sources WHERE name = 'towns'") == 1
    assert step_until(writer, lambda: works.settled)
    assert writer._reporter._breaker._unwritten["towns"] == 0
    writer._reporter.report()
    assert works.desk.one("SELECT failures FROM jurat_sources WHERE name = 'towns'") == 1, "counted once"


@pytest.mark.slow
def test_pauses_grow_while_a_row_is_held(works: Works, writer: Writer) -> None:
    held = works.desk.held()
    with held_row(works.desk, held.participant), works.desk.statements() as seen:
        hand_on(writer, entry(held))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            writer.step()
    assert sum("SKIP LOCKED" in statement and "jurat_access" in statement for statement in seen) < 15


def test_no_more_is_kept_than_there_is_room_for(works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "MOST", 2)
    works.desk.submit_many(5)
    held = works.desk.claim(free=5)
    with held_row(works.desk, *(check.participant for check in held)):
        hand_on(writer, *map(entry, held))
        assert step_until(writer, lambda: len(writer._in_flight) == 2)
        assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'pending' AND due_at > NOW(50)") == 3
    assert works.desk.one("SELECT sum(lookups + lost_leases) FROM jurat_checks") == 0


# --------------------------------------------------------------------------------- what the database refuses


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    ["jurat_verdicts", *(pytest.param(name, marks=pytest.mark.slow) for name in ("jurat_access", "jurat_checks"))],
)
def test_what_the_platforms_own_trigger_refuses_harms_no_neighbour_and_is_written_once_it_does_not(
    works: Works, writer: Writer, table: str
) -> None:
    works.desk.submit_many(8)
    held = works.desk.claim(free=8)
    (bad,) = (check for check in held if check.participant == "p-3")
    when = "NEW.state <> 'leased'" if table == "jurat_checks" else "true"
    with refusing(works.desk, "p-3", table, when), capture_logs() as logs:
        hand_on(writer, *map(entry, held))
        assert step_until(writer, lambda: works.settled == 7)
        tried = writer._apart._kept[bad.id, bad.fence].pause
        assert step_until(writer, lambda: writer._apart._kept[bad.id, bad.fence].pause > tried)
        assert (writer._in_flight.under_way(), len(writer._in_flight)) == (0, 1)
        assert works.desk.row(bad.id, "state") == "leased"
    said = [line for line in logs if line["log_level"] in ("warning", "error")]
    assert [line["event"].partition(":")[0] for line in said] == ["check not written"]
    assert (said[0]["check_id"], said[0]["error"], "exception" in said[0]) == (str(bad.id), "P0001", False)
    assert "p-3" not in str(said)
    assert step_until(writer, lambda: works.settled == 8)
    assert works.desk.verdicts(bad.id) == [("accepted", "record_matches")]


def test_what_is_refused_until_its_deadline_ends_undetermined(
    works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "FAILED_REST", 0.01)
    monkeypatch.setattr(set_aside, "FAILED_LONGEST", 0.05)
    held = replace(works.desk.held(), seconds_left=0.3)
    with refusing(works.desk, held.participant, when="NEW.outcome = 'accepted'"):
        hand_on(writer, entry(held))
        assert step_until(writer, lambda: works.settled)
    assert works.desk.verdicts(held.id) == [("undetermined", "deadline_passed")]


@pytest.mark.slow
def test_a_verdict_that_nobody_lets_in_is_tried_ever_more_seldom_and_said_once(
    works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "FAILED_REST", 0.01)
    held = replace(works.desk.held(), seconds_left=-1.0)
    with refusing(works.desk, held.participant), capture_logs() as logs:
        hand_on(writer, entry(held))
        assert step_until(writer, lambda: writer._apart._kept and writer._apart.seconds(9) > 0.3)
        writer.stop()
        writer.start()
        assert writer.join(60), "nor does the end wait for it"
    assert [line["event"].partition(":")[0] for line in logs if line["log_level"] != "info"] == [
        "check not written",
        "given back",
    ]
    assert works.desk.row(held.id, "state, lost_leases") == ("pending", 0)


def write_of_two(works: Works, writer: Writer) -> int:
    """Has a check that has finished written while another one finishes a little later; how many were written."""
    works.desk.submit_many(2)
    first, second = works.desk.claim()
    hand_on(writer, entry(first, attempt=attempt()))
    later = threading.Timer(0.05, hand_on, (writer, entry(second)))
    later.start()
    writer.step()
    later.join()
    return works.settled


def test_a_write_waits_for_more_while_more_waits_than_can_be_looked_up(
    works: Works, writer: Writer, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LINGER", 5.0)
    monkeypatch.setattr(writing, "WORTH", 2)
    bells.backlogged = {"towns"}
    assert write_of_two(works, writer) == 2


def test_a_write_waits_for_nothing_where_little_happens(
    works: Works, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LINGER", 60.0)
    begun = time.monotonic()
    write_of_two(works, writer)
    assert time.monotonic() - begun < 30


def test_a_write_waits_for_nothing_where_one_in_it_is_of_a_source_that_has_no_more(
    works: Works, writer: Writer, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LINGER", 60.0)
    bells.backlogged = {"another"}
    begun = time.monotonic()
    write_of_two(works, writer)
    assert time.monotonic() - begun < 30


def test_a_failure_is_written_without_waiting_for_more(
    works: Works, writer: Writer, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LINGER", 60.0)
    bells.backlogged = {"towns"}
    held = works.desk.held()
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE)
    hand_on(writer, entry(held, Later(1, Reason.SOURCE_UNAVAILABLE), attempt=failed))
    begun = time.monotonic()
    writer.step()
    assert time.monotonic() - begun < 30


def test_the_end_does_not_wait_for_more(
    works: Works, writer: Writer, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LINGER", 60.0)
    bells.backlogged = {"towns"}
    hand_on(writer, entry(works.desk.held()))
    writer.stop()
    begun = time.monotonic()
    writer.step()
    assert time.monotonic() - begun < 30
    assert works.settled == 1
