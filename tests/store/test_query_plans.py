"""How PostgreSQL goes about the statements that workers send all the time, with tens of thousands of checks there.

Each is explained where it runs, with what it runs with: it must not read a table from end to end, and what it reads
must follow from what it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from adapters.base import NumberClaim
from jurat import AlreadyConfirmed, queries
from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.monitoring.consultations import MOST, ConsultationCounts
from store.queue.breakers import SourceFigures
from store.requests.request_rows import Request, RequestKind, ask
from tasks.checks import CheckResult, GiveBack, Later, NextSource, Review, Settle
from tasks.rules.source_limits import Demand
from tests.store.desk import ACCEPTED, Desk, attempt, entry, listening
from tests.store.full_desk import TWO, vacuum

pytestmark = pytest.mark.slow

SMALL = {
    *("jurat_sources", "jurat_upkeep", "jurat_questions", "jurat_configs", "jurat_pauses", "jurat_zones"),
    *("jurat_consultations", "jurat_workers", "jurat_missing_keys", "jurat_hash_key", "jurat_seal_keys"),
    "jurat_contract",
}
"""Tables of a few rows: reading them whole is the quickest."""

STANDING = str(queries.STANDING)
"""What `Client.standing` sends."""


@dataclass(slots=True)
class Explained:
    """A statement, which tables it read whole, and how many blocks it touched: in all, and on its way along queues."""

    statement: str
    read_whole: set[str] = field(default_factory=set)
    blocks: int = 0
    along_queues: int = 0


def _blocks(node: Mapping[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


@contextmanager
def explained(desk: Desk) -> Iterator[list[Explained]]:
    """The plans of what runs meanwhile. Each statement runs twice, the first time for its plan alone."""
    found: list[Explained] = []

    def look(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.split(maxsplit=1)[0] not in ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE"):
            return
        with connection.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            ((answer,),) = cursor.fetchall()
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        plan = answer if isinstance(answer, list) else json.loads(answer)
        top = plan[0]["Plan"]
        seen = Explained(statement, blocks=_blocks(top))
        nodes = [top]
        while nodes:
            node = nodes.pop()
            nodes += node.get("Plans", [])
            # One that is never run (an alternative that was not needed) reads nothing.
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
                seen.read_whole.add(node["Relation Name"])
            if node.get("Index Name") == "jurat_checks_due":
                seen.along_queues += _blocks(node)
        found.append(seen)

    with listening(desk.engine, "before_cursor_execute", look):
        yield found


def within(found: list[Explained], blocks: int, *whole: str) -> None:
    """Nothing but `whole` was read whole, and no statement touched more than `blocks`."""
    assert found, "nothing was explained"
    for each in found:
        assert each.read_whole <= SMALL | {*whole}, each.statement
        assert each.blocks <= blocks, (each.blocks, each.statement)


LIMITED = Demand("towns", 20, concurrency=10_000, interval=0.001, burst=100, late=0.0, daily=10**9)


def test_a_claim_touches_as_much_as_it_takes(full: Desk) -> None:
    with explained(full) as found:
        held = full.claims.claim([LIMITED, Demand("rpps", 20), Demand("ban", 20)], 20).held
    assert len(held) == 20
    within(found, 20 * 40)
    full.write(*(entry(check, GiveBack()) for check in held))


def test_looking_for_work_touches_next_to_nothing_where_there_is_none(full: Desk) -> None:
    with explained(full) as found:
        assert full.claims.claim([Demand("rpps", 100), Demand("ban", 100)], 100).held == []
    within(found, 40)


def test_a_check_with_one_chance_left_is_found_among_all_others(full: Desk) -> None:
    full.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant = 'w-77' AND consultation = 'budget'")
    with explained(full) as found:
        held = full.claims.claim_alone([LIMITED])
    assert held is not None
    within(found, 200)
    full.write(entry(held, GiveBack()))
    full.sql("UPDATE jurat_checks SET lost_leases = 0 WHERE lost_leases = 2")


def decisions(full: Desk) -> list[CheckResult]:
    held = full.claims.claim([Demand("towns", 20)], 20).held
    cycle = (ACCEPTED, Review(Reason.NAME_DIFFERS, 60.0), Later(1.0, Reason.SOURCE_UNAVAILABLE), GiveBack())
    entries = [entry(check, cycle[n % 4], attempt=attempt(), retain=60.0) for n, check in enumerate(held)]
    entries[2] = entry(held[2], NextSource("ban", Reason.NAME_DIFFERS), attempt=attempt())
    return entries


def test_renewing_and_writing_touch_as_much_as_is_held(full: Desk) -> None:
    entries = decisions(full)
    with explained(full) as found:
        assert len(full.claims.renew([each.held for each in entries])) == 20
        written = full.verdict_writer.write(entries)
        assert len(written.done) == 20
        full.verdict_writer.read_again(entries)
    within(found, 20 * 60)


def test_claiming_numbers_touches_as_much_as_is_held(full: Desk) -> None:
    taken = full.one("SELECT max(fingerprint) FROM jurat_claims WHERE consultation = 'budget' AND namespace = 'kind 1'")
    held = full.claims.claim([Demand("towns", 20)], 20).held
    # Numbers are held under four keys, and are claimed under one of them.
    others = [[f"0000000{key}:{n}" for key in (2, 3, 4)] for n in range(len(held))]
    numbers = [NumberClaim("kind 1", [*each, f"00000001:{n}" if n else taken]) for n, each in enumerate(others)]
    verdicts = [replace(ACCEPTED, claim=number, if_taken=Review(Reason.NUMBER_TAKEN, 60.0)) for number in numbers]
    with explained(full) as found:
        written = full.write(*(entry(check, verdict) for check, verdict in zip(held, verdicts, strict=True)))
    assert sum(isinstance(each.decision, Review) for each in written.done) == 1
    within(found, 20 * 60)


def test_in_a_table_of_a_few_thousand_rows_one_check_is_found_among_all_others(postgresql: Desk) -> None:
    """So few that reading them all would be the quickest, had a statement a hundred to find."""
    desk = postgresql
    desk.submit_many(4000)
    vacuum(desk)
    (held,) = desk.claims.claim([LIMITED], 1).held
    with explained(desk) as found:
        assert desk.write(entry(held, attempt=attempt(), retain=60.0)).done
        with pytest.raises(AlreadyConfirmed):
            desk.submit("p-7")
    assert len(found) > 6
    for each in found:
        assert not each.read_whole & {"jurat_checks", "jurat_access"}, each.statement


def test_lost_leases_and_overdue_checks_are_found_among_all_others(full: Desk) -> None:
    held = full.claims.claim([Demand("towns", 5)], 5).held
    full.set_back("lease_until", 1, "state = 'leased'")
    full.sql("UPDATE jurat_checks SET deadline_at = NOW(-1) WHERE participant IN ('w-5', 'w-6')")
    full.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    full.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
    with explained(full) as found:
        assert len(full.upkeep.end_leases()) == len(held)
        assert full.upkeep.turns({"overdue": 1.0})
        overdue = full.claims.claim_overdue(10, {})
    assert len(overdue) == 4
    within(found, 400)
    full.write(*(entry(check) for check in overdue))


def test_thousands_of_checks_whose_source_stands_still_cost_upkeep_nothing(full: Desk) -> None:
    """Their deadlines pass one after the other, and none is looked at until the source works again."""
    full.sql("UPDATE jurat_checks SET deadline_at = NOW(-1) WHERE state = 'pending' AND source = 'towns'")
    full.sources.pause("towns", 60, Reason.SOURCE_THROTTLED)
    full.sql("UPDATE jurat_pauses SET began_at = NOW(-60)")
    with explained(full) as found:
        assert full.claims.claim_overdue(100, {}) == []
    within(found, 60)
    full.sql("UPDATE jurat_checks SET deadline_at = NOW(3600) WHERE state = 'pending'")
    full.sql("DELETE FROM jurat_pauses")
    vacuum(full)


def test_an_idle_worker_s_looks_touch_next_to_nothing(full: Desk) -> None:
    with explained(full) as found:
        for task in ("leases", "overdue", "reviews", "access", "candidates", "retention", "purge"):
            full.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
            full.upkeep.turns({task: 1.0})
        full.queries.newest()
    within(found, 100, "jurat_reviews")  # whose first row has evidence to be erased, so that no more is read


def test_what_a_person_asked_for_is_found_among_all_requests_and_done(full: Desk) -> None:
    (check,) = full.claim("towns", 1)
    full.settle(check, Review(Reason.NAME_DIFFERS, 3600))
    request = Request(uuid7(), RequestKind.DECIDE, "a clerk", check_id=check.id, reason=Reason.PERSON_REFUSED)
    with full.engine.begin() as connection:
        ask(connection, request)
    with explained(full) as found:
        full.upkeep.turns({"requests": 0.0})
        assert full.upkeep.do_requests() == 1
    within(found, 200)
    assert full.verdicts(check.id) == [("refused", "person_refused")]


def test_what_is_past_its_time_is_found_among_all_verdicts(full: Desk) -> None:
    held = full.claims.claim([Demand("towns", 20)], 20).held
    full.write(*(entry(check, retain=-1.0, attempt=attempt()) for check in held))
    granted = ", ".join(f"'{check.participant}'" for check in held[5:])  # these are looked at, and stay
    full.sql(f"UPDATE jurat_access SET access = 'granted' WHERE participant IN ({granted})")
    with explained(full) as found:
        assert full.upkeep.purge() == 5
    requests = [each for each in found if "DELETE FROM jurat_requests WHERE id" in each.statement]
    within([each for each in found if each not in requests], 5 * 60 + 15 * 10)
    within(requests, 5_000, "jurat_requests")  # once an hour, of all that persons asked for


def test_candidates_whose_time_is_over_are_found_among_all_checks(full: Desk) -> None:
    held = full.claims.claim([Demand("towns", 5)], 5).held
    verdict = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed")
    with explained(full) as found:
        full.write(*(entry(check, verdict) for check in held))
    within(found, 5 * 60)
    full.set_back("candidates_until", 1, "candidates_until IS NOT NULL")
    with explained(full) as found:
        assert full.upkeep.erase_candidates() == 5
    within(found, 5 * 60)


def test_accesses_that_time_has_changed_are_found_among_all_others(full: Desk) -> None:
    full.sql(
        "UPDATE jurat_access SET changes_at = NOW(-1) WHERE participant IN ('s-5', 's-6') AND consultation = 'budget'"
    )
    full.sql("UPDATE jurat_upkeep SET ran_at = NOW(-5)")
    with explained(full) as found:
        assert full.upkeep.turns({"access": 1.0})
        assert full.upkeep.add_up_access() == 2
    within(found, 200)


def test_what_persons_asked_for_costs_a_submit_next_to_nothing(full: Desk) -> None:
    with explained(full) as found:
        full.submit("s-77", "code")
        full.submit("s-77", "profession")
    within(found, 100)


def test_figures_are_counted_to_a_bound(full: Desk) -> None:
    with explained(full) as found:
        full.upkeep.count_waiting()
        full.sources.record({"towns": SourceFigures(3, 1, 1, Reason.SOURCE_UNAVAILABLE)}, {})
    assert full.one("SELECT waiting FROM jurat_sources WHERE name = 'towns'") == 10_000
    within(found, 12_000)


def test_a_consultation_is_counted_to_a_bound(full: Desk) -> None:
    counts = ConsultationCounts(full.engine)
    with explained(full) as found:
        assert not counts.counts("budget").are_all
        assert counts.waiting({"budget": ["towns", "rpps"], "culture": ["towns"]})["budget"].or_more
    # So many verdicts are soon half of the table here: then it is quicker to read all of it.
    within(found, 6 * MOST, "jurat_verdicts")


def test_a_platform_s_poll_touches_one_check(full: Desk) -> None:
    settled = full.sql("SELECT id FROM jurat_checks WHERE state = 'settled' LIMIT 1")[0][0]
    with explained(full) as found:
        full.sql("SELECT * FROM jurat_results WHERE check_id = :id", id=settled)
    within(found, 30)


@pytest.mark.parametrize("who", ["w-7", "s-7", "p-0", "nobody-yet"])
def test_a_platform_s_page_touches_one_participant(full: Desk, who: str) -> None:
    with explained(full) as found:
        rows = full.sql(STANDING, consultation="budget", participant=who)
    assert [row[0] is None for row in rows] == [who == "nobody-yet", True, True], "one answered residence"
    within(found, 60)


def test_what_is_on_its_way_is_read_without_what_is_settled(full: Desk) -> None:
    """With few waiting: where most are, reading all of them is the quickest."""
    full.sql("UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE state = 'pending' AND source = 'towns'")
    vacuum(full)
    full.submit("p-1")
    with explained(full) as found:
        ways = full.queries.unsettled()
        full.queries.waiting_keys()
        full.publisher.apply(full.configuration, "someone")
    assert ways["budget", "residence", "towns"] >= 1
    within(found, 2000)


def test_what_is_done_does_not_stand_in_the_way_of_what_is_due(full: Desk) -> None:
    """Versions of rows that are gone are passed over once, not by each claim again, before any vacuum."""
    full.submit_many(3000, "profession")
    while held := full.claims.claim([Demand("rpps", 500)], 500).held:
        full.write(*(entry(check) for check in held))
    full.submit("p-3001", "profession")
    full.claims.claim([Demand("rpps", 1)], 1)
    full.submit("p-3002", "profession")
    with explained(full) as found:
        assert len(full.claims.claim([Demand("rpps", 1)], 1).held) == 1
    within(found, 300)


def test_what_is_done_stands_in_the_way_of_a_claim_once_while_somebody_sees_it_still(postgresql: Desk) -> None:
    """As a backup does for hours: no vacuum removes it then, and no one who passes it may mark it as gone."""
    desk = postgresql
    desk.submit_many(4000, "profession")
    vacuum(desk)
    with desk.engine.connect().execution_options(isolation_level="REPEATABLE READ") as backup:
        backup.exec_driver_sql("SELECT * FROM jurat_sources")
        for _ in range(7):
            desk.write(*(entry(check) for check in desk.claim("rpps", 500)))
        with explained(desk) as found:
            assert len(desk.claim("rpps", 30)) == 30
    # 136, or two or three times that if the claim was made again; each of the seven settled ones would be 136 more.
    assert 100 < sum(each.along_queues for each in found) < 500


# ------------------------------------------------------------------------------------------------ SQLite


def steps(desk: Desk, do: Callable[[], object]) -> int:
    """How many thousand steps SQLite's machine takes for it."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    def watch(connection: Any, *_: Any) -> None:
        connection.connection.dbapi_connection.set_progress_handler(tick, 1000)

    with listening(desk.engine, "begin", watch):
        do()
    return count


@pytest.mark.slow
def test_on_sqlite_too_work_does_not_grow_with_what_waits_and_what_is_settled(sqlite: Desk) -> None:
    sqlite.apply(TWO)
    for consultation in ("budget", "culture"):
        sqlite.submit_many(2000, consultation=consultation)
        sqlite.submit_many(2000, "profession", consultation=consultation)
    sqlite.sql("UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE source = 'rpps'")
    claims = sqlite.claims
    limited = Demand("towns", 10, concurrency=500, interval=0.001, burst=20, late=0.0)
    held = claims.claim([limited], 10).held
    assert len({check.consultation for check in held}) == 2
    assert steps(sqlite, lambda: claims.claim([limited], 10)) < 10
    assert steps(sqlite, lambda: claims.claim([Demand("rpps", 10)], 10)) < 3
    assert steps(sqlite, lambda: claims.claim_overdue(10, {})) < 3
    assert steps(sqlite, lambda: sqlite.verdict_writer.write([entry(check) for check in held])) < 30
    assert steps(sqlite, lambda: sqlite.upkeep.turns({"overdue": 1.0})) < 3
    assert steps(sqlite, sqlite.upkeep.erase_candidates) < 3
    assert steps(sqlite, lambda: sqlite.sql(STANDING, consultation="budget", participant="p-7")) < 3
    sqlite.sql("UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE state = 'pending'")
    assert steps(sqlite, sqlite.queries.unsettled) < 3
