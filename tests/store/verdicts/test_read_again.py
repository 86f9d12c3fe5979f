"""A commit whose outcome is unknown is read again: only what was not written and is still ours is repeated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from bench.faults.proxy import Proxy
from jurat.database import bounded, open_engine
from jurat.vocabulary import Reason
from store.verdicts.verdict_writer import VerdictWriter, WriteOutcome
from tasks.checks import CheckResult, Decision, GiveBack, Later, NextSource, Review, Settle
from tests.store.desk import ACCEPTED, REFUSED, Desk, attempt, entry, listening
from tests.store.reviews import ReviewDecisions

DECISIONS: tuple[Decision, ...] = (
    ACCEPTED,
    Later(5, Reason.SOURCE_UNAVAILABLE),
    NextSource("ban", Reason.ADDRESS_NOT_FOUND),
    Review(Reason.NAME_DIFFERS, 60),
    GiveBack(),
)


def batch(desk: Desk) -> list[CheckResult]:
    """One check for each decision, held."""
    desk.submit_many(len(DECISIONS))
    return [entry(held, decision) for held, decision in zip(desk.claim(), DECISIONS, strict=True)]


def parts(written: WriteOutcome) -> tuple[list[CheckResult], list[CheckResult], list[CheckResult]]:
    return written.done, written.busy, written.stale


class LosesAnswers(Proxy):
    """Passes everything on, until the server's next answer is to be lost: then the connection ends instead."""

    losing = False

    def _pump(self, pair: Any, source: Any, sink: Any) -> None:
        if source is pair.client:
            super()._pump(pair, source, sink)
            return
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.losing:
                    break
                sink.sendall(data)
        pair.reset()


@pytest.fixture
def proxy(postgresql: Desk) -> Iterator[LosesAnswers]:
    with LosesAnswers(make_url(postgresql.url).port or 5432) as proxy:
        yield proxy


@pytest.fixture
def verdict_writer(postgresql: Desk, proxy: LosesAnswers) -> Iterator[VerdictWriter]:
    """A writer on the other side of the proxy."""
    url = make_url(postgresql.url).set(host="127.0.0.1", port=proxy.port)
    engine = open_engine(url.render_as_string(hide_password=False))
    yield VerdictWriter(bounded(engine))
    engine.dispose()


@contextlib.contextmanager
def at_commit(verdict_writer: VerdictWriter, do: Callable[[], None], *, alone: bool) -> Iterator[None]:
    """Right before COMMIT is sent, when nothing else is under way on the connection: `alone`, or with what is last."""
    if alone:
        with listening(verdict_writer._engine, "commit", lambda _: do()):
            yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("store.verdicts.verdict_writer.crash_point", lambda name: do() if name == "write.made" else None)
        yield


@pytest.mark.parametrize("alone", [True, False])
def test_what_was_committed_before_the_connection_broke_stands(
    postgresql: Desk, proxy: LosesAnswers, verdict_writer: VerdictWriter, *, alone: bool
) -> None:
    entries = batch(postgresql)

    def lose() -> None:
        proxy.losing = True

    with at_commit(verdict_writer, lose, alone=alone), pytest.raises(OperationalError):
        verdict_writer.write(entries)
    proxy.losing = False
    assert parts(verdict_writer.read_again(entries)) == (entries, [], [])
    assert len(verdict_writer.write(entries).stale) == len(entries), "they were written indeed"
    assert postgresql.one("SELECT count(*) FROM jurat_verdicts") == 1


@pytest.mark.parametrize("alone", [True, False])
def test_what_broke_before_its_commit_is_written_again(
    postgresql: Desk, proxy: LosesAnswers, verdict_writer: VerdictWriter, *, alone: bool
) -> None:
    entries = batch(postgresql)

    def break_off() -> None:
        with proxy._changed:
            pairs = list(proxy._pairs)
        for pair in pairs:
            pair.reset()

    with at_commit(verdict_writer, break_off, alone=alone), pytest.raises(OperationalError):
        verdict_writer.write(entries)
    assert parts(verdict_writer.read_again(entries)) == ([], entries, [])
    assert verdict_writer.write(entries).done == entries


@pytest.mark.parametrize("goes_through", [True, False])
def test_a_commit_that_is_still_under_way_is_waited_for(postgresql: Desk, goes_through: bool) -> None:
    """The server may get to it after we have connected again."""
    desk = postgresql
    entries = batch(desk)
    with ThreadPoolExecutor(1) as pool, desk.engine.connect() as connection:
        transaction = connection.begin()
        desk.write_on(connection, *entries)
        queries: Future[WriteOutcome] = pool.submit(desk.verdict_writer.read_again, entries)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not desk.one(waiting):
            assert not queries.done()
        transaction.commit() if goes_through else transaction.rollback()
        done, busy, stale = parts(queries.result(60))
    assert (done, busy, stale) == ((entries, [], []) if goes_through else ([], entries, []))


@pytest.mark.parametrize("goes_through", [True, False])
def test_a_file_whose_commit_failed_is_read_again(sqlite: Desk, goes_through: bool) -> None:
    """As when the disk fails after the commit, or before it."""
    entries = batch(sqlite)

    def fail(connection: Any) -> None:
        if goes_through:
            connection.connection.dbapi_connection.execute("COMMIT")
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    with listening(sqlite.engine, "commit", fail), pytest.raises(OperationalError):
        sqlite.verdict_writer.write(entries)
    done, busy, stale = parts(sqlite.verdict_writer.read_again(entries))
    assert (done, busy, stale) == ((entries, [], []) if goes_through else ([], entries, []))


# ------------------------------------------------------------------------------------------------ what happened since


@pytest.mark.parametrize("decision", DECISIONS[:-1], ids=lambda decision: type(decision).__name__)
def test_what_stands_is_known_although_the_check_went_on(desk: Desk, decision: Decision) -> None:
    made = entry(desk.held(), decision, attempt=attempt())
    desk.write(made)
    match decision:
        case Settle():
            ReviewDecisions(desk.engine).reopen(made.held.id, "a clerk")
        case Review():
            ReviewDecisions(desk.engine).decide(made.held.id, Reason.PERSON_ACCEPTED, "a clerk")
        case _:
            desk.set_back("due_at", 60)
            desk.claim("towns") or desk.claim("ban")
            desk.set_back("lease_until", 60)
            desk.upkeep.end_leases()  # a later claim's lease is lost: ours was not
    assert parts(desk.verdict_writer.read_again([made])) == ([made], [], [])


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: type(decision).__name__)
@pytest.mark.parametrize("again", [False, True], ids=["waiting", "claimed again"])
def test_what_was_lost_before_it_was_written_is_lost(desk: Desk, decision: Decision, again: bool) -> None:
    lost = entry(desk.held(), decision, attempt=attempt())
    desk.set_back("lease_until", 60)
    desk.upkeep.end_leases()
    if again:
        desk.set_back("due_at", 60)
        desk.claim_one()
    assert parts(desk.verdict_writer.read_again([lost])) == ([], [], [lost])


def test_what_is_purged_since_is_lost(desk: Desk) -> None:
    made = entry(desk.held(), retain=-1.0)
    desk.write(made)
    desk.upkeep.purge()
    assert parts(desk.verdict_writer.read_again([made])) == ([], [], [made])


def test_a_verdict_is_told_as_it_was_written(desk: Desk) -> None:
    """The code of the second was spent by the first, which only the transaction knew."""
    (code,) = desk.add_codes()
    desk.submit_many(2, "code")
    entries = [entry(held, desk.code_valid(code)) for held in desk.claim("spring")]
    desk.write(*entries)
    done, busy, stale = parts(desk.verdict_writer.read_again(entries))
    assert {each.decision.reason for each in done if isinstance(each.decision, Settle)} == {
        Reason.CODE_VALID,
        Reason.CODE_USED,
    }
    assert [each.decision for each in done if each in entries] == [desk.code_valid(code)]
    assert (busy, stale) == ([], [])


def test_half_a_batch_may_stand(desk: Desk) -> None:
    """A batch with a value that cannot be stored is written in parts, and any of them may be the last."""
    desk.submit_many(2)
    first, second = map(entry, desk.claim())
    desk.write(first)
    assert parts(desk.verdict_writer.read_again([first, second])) == ([first], [second], [])


def test_of_two_words_on_one_claim_one_stands(desk: Desk) -> None:
    held = desk.held()
    given_back, answered = entry(held, GiveBack()), entry(held, REFUSED)
    assert parts(desk.verdict_writer.read_again([given_back, answered])) == ([], [given_back, answered], [])
    desk.write(given_back, answered)
    assert parts(desk.verdict_writer.read_again([given_back, answered])) == ([given_back], [], [answered])


def test_an_older_claim_is_lost_beside_a_newer_one(desk: Desk) -> None:
    older = entry(desk.held())
    desk.set_back("lease_until", 60)
    desk.upkeep.end_leases()
    newer = entry(desk.claim_one())
    assert parts(desk.verdict_writer.read_again([older, newer])) == ([], [newer], [older])


def test_reading_nothing_again_asks_nothing(desk: Desk) -> None:
    with desk.statements() as statements:
        assert parts(desk.verdict_writer.read_again([])) == ([], [], [])
    assert statements == []


@pytest.mark.slow
def test_what_a_neighbour_holds_is_ours_still_and_keeps_nobody_else(postgresql: Desk) -> None:
    """A write failed, and meanwhile another transaction holds one of its checks: the others are known all the same."""
    desk = postgresql
    desk.submit_many(2)
    written, held = (entry(held) for held in desk.claim())
    desk.write(written)
    with desk.engine.execution_options(jurat_bounded=False).connect() as neighbour, neighbour.begin():
        row = {"id": desk.id(held.held.id)}
        neighbour.execute(text("SELECT 1 FROM jurat_checks WHERE id = :id FOR UPDATE"), row)
        assert parts(desk.verdict_writer.read_again([held, written])) == ([written], [held], [])
