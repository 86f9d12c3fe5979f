"""What a reader sees of a database, each field after what really brings it about, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.hours import Hours
from jurat.database import open_engine
from jurat.seal import generate
from jurat.seal_keys import SealKey
from jurat.vocabulary import Reason
from store.monitoring.fleet import NO_KEY, KeyReading, SourceState, Waiting
from store.monitoring.fleet_reader import TABLES, FleetReader
from store.monitoring.notes import note_backup, note_keys
from store.queue.breakers import SourceFigures
from store.requests.request_rows import RequestKind
from store.seal_keys import add_seal_key, retire_seal_key
from store.upkeep.schedule import EVERY
from store.workers import LIVE, Fleet
from tasks.checks import Later
from tasks.rules.source_limits import Breaker, Demand
from tests.store.desk import DOCUMENT, NUMBER_TAKEN, Desk, entry, listening
from tests.store.monitoring.fleets import OURS, THEIRS, age_figures, fleet, report, source
from tests.store.passing import let_pass
from tests.store.publications import CHOOSABLE, publish
from tests.store.requests.asked import asking, wait

SLOW = 60.0
"""Seconds that no test takes between what it does and its look."""

GRAIN = 0.01
"""Seconds by which SQLite, which stores milliseconds and reckons in days, may be off."""


def test_a_new_database_has_sources_and_nothing_else(desk: Desk) -> None:
    seen = fleet(desk)
    assert [each.name for each in seen.sources] == ["ban", "rpps", "spring", "towns"]
    assert {(each.unsettled, each.state, each.wanted, each.workers) for each in seen.sources} == {
        (0, SourceState.OPEN, 0, 0)
    }
    assert (seen.workers, seen.keys, seen.missing, seen.upkeep, seen.requests) == ([], {}, {}, {}, {})
    assert (seen.reviews, seen.publications, seen.vanished) == (Waiting(0, 0, 0), 0, 0)
    assert (seen.backup_age, seen.keys_age, seen.figures_age) == (None, None, None)
    assert seen.config_version == desk.queries.config_version()


def test_without_a_configuration_there_is_a_fleet_without_sources(desk: Desk) -> None:
    if not desk.postgresql:
        pytest.skip("only a desk on PostgreSQL can be cleared")
    desk.clear()
    seen = fleet(desk)
    assert (seen.config_version, list(seen.sources), seen.behind) == (None, [], [])


# ------------------------------------------------------------------------------------------------ what waits


def checks(desk: Desk) -> None:
    """Five at one source: one leased, one for later, three due."""
    desk.submit_many(5)
    desk.write(entry(desk.claim_one(), Later(600.0, Reason.SOURCE_UNAVAILABLE)))
    desk.claim_one()
    desk.sql("UPDATE jurat_checks SET due_at = NOW(-100) WHERE participant = 'p-4'")


@pytest.mark.parametrize("counted", [False, True], ids=["counted by the reader", "counted by a worker"])
def test_unsettled_checks_are_due_or_later_or_leased(desk: Desk, counted: bool) -> None:
    report(desk)
    checks(desk)
    if counted:
        desk.upkeep.count_waiting()
    seen = source(desk)
    assert (seen.due, seen.later, seen.leased, seen.unsettled, seen.wanted) == (3, 1, 1, 5, 4)
    assert seen.oldest_due_age is not None
    assert 100 - GRAIN <= seen.oldest_due_age < 100 + SLOW
    assert (source(desk, "rpps").unsettled, source(desk, "rpps").oldest_due_age) == (0, None)


def test_deadlines_are_those_of_checks_that_wait(desk: Desk) -> None:
    desk.submit_many(2)
    desk.sql("UPDATE jurat_checks SET deadline_at = NOW(500) WHERE participant = 'p-1'")
    found = source(desk).next_deadline
    assert found is not None
    assert 500 - SLOW < found <= 500
    assert source(desk, "rpps").next_deadline is None
    desk.claim(free=2)
    assert source(desk).next_deadline is None


def test_what_workers_counted_lately_is_not_counted_again_while_one_lives(desk: Desk) -> None:
    worker = report(desk)
    desk.submit_many(2)
    desk.upkeep.count_waiting()
    desk.submit_many(3, first=2)
    assert source(desk).due == 2
    assert -GRAIN <= (source(desk).figures_age or 0) < SLOW
    Fleet(desk.engine).leave(worker.id)
    assert source(desk).due == 5, "nobody will count what came since"
    report(desk)
    assert source(desk).due == 2
    age_figures(desk, LIVE + 1)
    assert source(desk).due == 5
    assert LIVE < (fleet(desk).figures_age or 0) < LIVE + 1 + SLOW


def test_only_stale_figures_are_counted_again(desk: Desk) -> None:
    report(desk)
    desk.upkeep.count_waiting()
    desk.submit_many(2)
    desk.submit_many(2, "profession")
    age_figures(desk, LIVE + 1, "rpps")
    assert (source(desk).due, source(desk, "rpps").due) == (0, 2)


def test_a_failed_count_makes_old_figures_though_its_turn_was_taken(desk: Desk) -> None:
    desk.upkeep.turns(EVERY)
    desk.upkeep.count_waiting()
    age_figures(desk, 300)
    assert fleet(desk).upkeep["figures"] < SLOW
    assert 300 - GRAIN <= (fleet(desk).figures_age or 0) < 300 + SLOW


def test_ages_do_not_depend_on_the_time_zone_of_the_database(postgresql: Desk) -> None:
    checks(postgresql)
    name = postgresql.engine.url.database
    for zone in ("Asia/Tokyo", "America/New_York"):
        postgresql.sql(f"ALTER DATABASE \"{name}\" SET timezone = '{zone}'")
        postgresql.engine.dispose()
        try:
            assert 100 - GRAIN <= (source(postgresql).oldest_due_age or 0) < 100 + SLOW
        finally:
            postgresql.sql(f'ALTER DATABASE "{name}" RESET timezone')
            postgresql.engine.dispose()


def test_a_source_that_left_the_configuration_is_seen_while_something_waits_there(desk: Desk) -> None:
    desk.submit()
    reader = FleetReader(desk.engine)
    before = reader.observe().fleet
    document = {
        **DOCUMENT,
        "sources": {name: each for name, each in DOCUMENT["sources"].items() if name not in ("towns", "rpps")},
        "criteria": {"lives-in": {"source": "ban"}, "has-code": {"source": "spring"}},
        "consultations": {"budget": {"questions": {"residence": {"criterion": "lives-in"}}, "access": "residence"}},
    }
    desk.apply(document, force=True)
    after = reader.observe().fleet
    assert before is not None
    assert after is not None
    assert [each.name for each in before.sources] == ["ban", "rpps", "spring", "towns"]
    assert [each.name for each in after.sources] == ["ban", "spring", "towns"]


# ------------------------------------------------------------------------------------------------ sources


def test_a_source_that_fails_is_broken_until_it_answers(desk: Desk) -> None:
    failed = SourceFigures(failed=3, trailing=3, last_failure=Reason.SOURCE_UNAVAILABLE, failed_ago=2.0, seconds=3.0)
    desk.sources.record({"towns": failed}, {"towns": Breaker(failures=3)})
    seen = source(desk)
    assert (seen.state, seen.failures, seen.last_failure) == (SourceState.BROKEN, 3, "source_unavailable")
    assert seen.broken_age is not None
    assert seen.failure_age is not None
    assert -GRAIN <= seen.broken_age < SLOW
    assert 2 - GRAIN <= seen.failure_age < 2 + SLOW
    assert (seen.success_age, seen.lookup_age) == (None, seen.failure_age)
    desk.sources.record({"towns": SourceFigures(answered=1, answered_ago=1.0)}, {})
    seen = source(desk)
    assert (seen.state, seen.failures, seen.broken_age) == (SourceState.OPEN, 0, None)
    assert seen.success_age is not None
    assert 1 - GRAIN <= seen.success_age < 1 + SLOW


def test_a_pause_has_its_reason_and_ends(desk: Desk) -> None:
    desk.sources.pause("towns", 500, Reason.SOURCE_THROTTLED)
    seen = source(desk)
    assert (seen.state, seen.pause_reason, seen.stopped) == (SourceState.PAUSED, "source_throttled", True)
    assert seen.paused is not None
    assert 500 - SLOW < seen.paused <= 500 + GRAIN
    desk.sources.resume("towns", "me")
    assert source(desk).state is SourceState.OPEN


def test_limits_are_those_that_a_worker_noted(desk: Desk) -> None:
    now = desk.queries.clock()
    closed = Hours(
        closings=(((now - timedelta(hours=1)).replace(tzinfo=None), (now + timedelta(hours=2)).replace(tzinfo=None)),)
    )
    desk.sql(
        "UPDATE jurat_sources SET day = :day, used = 3 WHERE name = 'ban'", day=str(Hours().day(datetime.now(UTC)))
    )
    demands = {
        "towns": Demand("towns", 0, concurrency=7),
        "ban": Demand("ban", 0, daily=4),
        "rpps": Demand("rpps", 0, hours=closed),
    }
    desk.upkeep.count_waiting(demands)
    seen = {each.name: each for each in fleet(desk).sources}
    assert [seen[name].limit for name in ("towns", "ban", "rpps", "spring")] == [7, 1, None, None]
    assert [seen[name].used for name in ("towns", "ban", "rpps", "spring")] == [None, 0.75, None, None]
    assert (seen["rpps"].state, seen["rpps"].stopped) == (SourceState.CLOSED, True)
    assert 7200 - SLOW < (seen["rpps"].closed or 0) <= 7200
    assert seen["towns"].state is SourceState.OPEN

    desk.upkeep.count_waiting()
    kept = {each.name: (each.limit, each.used, each.state) for each in fleet(desk).sources}
    assert kept == {name: (each.limit, each.used, each.state) for name, each in seen.items()}, "no plan, nothing noted"
    desk.upkeep.count_waiting({"rpps": Demand("rpps", 0)})
    assert {(each.limit, each.used, each.state) for each in fleet(desk).sources} == {(None, None, SourceState.OPEN)}


def test_a_day_that_is_used_up_wants_no_slots(desk: Desk) -> None:
    desk.submit_many(3)
    day = str(Hours().day(datetime.now(UTC)))
    desk.sql("UPDATE jurat_sources SET day = :day, used = 9 WHERE name = 'towns'", day=day)
    desk.upkeep.count_waiting({"towns": Demand("towns", 0, daily=9)})
    assert (source(desk).used, source(desk).wanted) == (1.0, 0)
    desk.sql("UPDATE jurat_sources SET day = '2000-01-01'")
    desk.upkeep.count_waiting({"towns": Demand("towns", 0, daily=9)})
    assert (source(desk).used, source(desk).wanted) == (0.0, 3), "a new day"


# ------------------------------------------------------------------------------------------------ workers and keys


def test_workers_that_report_are_live_and_serve_their_sources(desk: Desk) -> None:
    report(desk, "all", slots=3)
    report(desk, "one", slots=5, sources=("rpps",))
    report(desk, "none", config_version=None)
    report(desk, "last", stopping=True)
    gone = report(desk, "gone")
    desk.sql(f"UPDATE jurat_workers SET seen_at = NOW({-LIVE - 1}) WHERE id = :id", id=desk.id(gone.id))
    seen = fleet(desk)
    assert [worker.name for worker in seen.live] == ["all", "none", "one"]
    assert len(seen.workers) == 5
    assert seen.slots == 3 + 5 + 4
    assert {each.name: each.workers for each in seen.sources} == {"ban": 1, "rpps": 2, "spring": 1, "towns": 1}
    assert [worker.name for worker in seen.behind] == ["none"]


def test_workers_that_have_an_older_configuration_are_behind(desk: Desk) -> None:
    report(desk, "old")
    desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "more": {"type": "simulated"}}})
    report(desk, "new")
    seen = fleet(desk)
    assert [worker.name for worker in seen.behind] == ["old"]
    assert seen.config_version == desk.queries.config_version()


def test_workers_that_ended_without_a_goodbye_count_for_an_hour(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        report(desk, name)
    leaving = report(desk, "d")
    Fleet(desk.engine).leave(leaving.id)
    desk.sql(f"UPDATE jurat_workers SET seen_at = NOW({-LIVE - 1})")
    assert fleet(desk).vanished == 3
    report(desk, "a")
    assert fleet(desk).vanished == 3, "the one that came back has no row any more, but left a note"
    desk.sql("UPDATE jurat_workers SET seen_at = NOW(-3601) WHERE name <> 'a'")
    assert fleet(desk).vanished == 1


def test_keys_have_answers_and_workers(desk: Desk) -> None:
    desk.submit_many(3)
    desk.submit("p-0", "profession")
    report(desk)
    report(desk, "both", unseal_keys=(OURS, THEIRS))
    seen = fleet(desk)
    assert seen.keys == {OURS: KeyReading(4, 2), THEIRS: KeyReading(0, 1)}
    assert (seen.missing, source(desk).key_missing) == ({}, 0)


def test_answers_that_no_worker_of_their_source_opens_are_missing_their_key(desk: Desk) -> None:
    desk.submit_many(3)
    desk.submit_many(2, "profession")
    report(desk, unseal_keys=(THEIRS,), sources=("towns",))
    report(desk, sources=("rpps",))
    seen = fleet(desk)
    assert seen.missing == {("towns", OURS): 3}
    assert {each.name: each.key_missing for each in seen.sources} == {"ban": 0, "rpps": 0, "spring": 0, "towns": 3}
    assert seen.keys[OURS] == KeyReading(5, 1)


def test_answers_in_review_need_no_key(desk: Desk) -> None:
    desk.settle(desk.held(), NUMBER_TAKEN)
    report(desk, unseal_keys=(THEIRS,))
    seen = fleet(desk)
    assert (seen.missing, seen.keys[OURS]) == ({}, KeyReading(1, 0))


def test_nobody_reads_what_a_platform_wrote_in_place_of_a_key(desk: Desk) -> None:
    desk.submit_many(2)
    desk.sql("UPDATE jurat_checks SET answer_key = 'Jeanne Martin 75' WHERE participant = 'p-0'")
    desk.sql("UPDATE jurat_checks SET answer_key = 'Claude Durand 13' WHERE participant = 'p-1'")
    report(desk)
    seen = fleet(desk)
    assert seen.missing == {("towns", NO_KEY): 2}
    assert set(seen.keys) == {OURS, NO_KEY}


# ------------------------------------------------------------------------------------------------ what people wait for


def test_upkeep_has_the_ages_of_its_turns(desk: Desk) -> None:
    desk.upkeep.turns(EVERY)
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-100) WHERE task = 'purge'")
    seen = dict(fleet(desk).upkeep)
    assert set(seen) == set(EVERY)
    assert 100 - GRAIN <= seen.pop("purge") < 100 + SLOW
    assert all(0 <= age < SLOW for age in seen.values())


def test_reviews_are_overdue_from_their_time_on(desk: Desk) -> None:
    for name in ("p-1", "p-2", "p-3"):
        desk.settle(desk.held(name), NUMBER_TAKEN)
    assert fleet(desk).reviews == Waiting(3, 0, 0)
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-50)")
    desk.upkeep.end_reviews()
    assert fleet(desk).reviews == Waiting(0, 0, 0), "upkeep ended them"


def test_overdue_reviews_are_counted_while_nobody_ends_them(desk: Desk) -> None:
    for name in ("p-1", "p-2", "p-3"):
        desk.settle(desk.held(name), NUMBER_TAKEN)
    first = "SELECT id FROM jurat_checks WHERE participant IN ('p-1', 'p-2')"
    desk.sql(f"UPDATE jurat_reviews SET due_at = NOW(-50) WHERE check_id IN ({first})")
    seen = fleet(desk).reviews
    assert (seen.count, seen.due) == (3, 2)
    assert 50 - GRAIN <= seen.age < 50 + SLOW


def test_requests_wait_by_their_kind_until_they_are_dealt_with(desk: Desk) -> None:
    wait(desk, asking(RequestKind.REVOKE))
    let_pass(desk, 1.0)
    for participant in ("p-1", "p-2"):
        wait(desk, asking(RequestKind.ERASE, participant, consultation=None))
    seen = fleet(desk).requests
    assert {kind: each.count for kind, each in seen.items()} == {"erase": 2, "revoke": 1}
    assert 86_400 - GRAIN <= seen["revoke"].age < 86_400 + SLOW
    assert -GRAIN <= seen["erase"].age < SLOW
    while desk.upkeep.do_requests():
        pass
    assert fleet(desk).requests == {}


def test_a_publication_waits_until_it_is_answered(desk: Desk) -> None:
    desk.apply(CHOOSABLE)
    publish(desk)
    assert fleet(desk).publications == 1
    desk.upkeep.apply_publications()
    assert fleet(desk).publications == 0


def test_notes_of_backups_and_of_keys_have_their_age(desk: Desk) -> None:
    note_backup(desk.engine, "cron")
    assert -GRAIN <= (fleet(desk).backup_age or 0) < SLOW
    assert fleet(desk).keys_age is None
    note_keys(desk.engine, "an operator", [OURS])
    assert -GRAIN <= (fleet(desk).keys_age or 0) < SLOW


def test_the_newest_seal_key_has_the_time_that_is_left(desk: Desk) -> None:
    assert fleet(desk).seal_key_left is None
    now = datetime.now(UTC)
    keys = [
        SealKey(generate()[1], now + timedelta(days=begin), now + timedelta(days=end), bytes(64))
        for begin, end in ((-30, 90), (-1, 120), (-2, 300))
    ]
    with desk.engine.begin() as connection:
        for key in keys:
            add_seal_key(connection, key)
    assert abs((fleet(desk).seal_key_left or 0) - 120 * 86_400) < SLOW + 60
    with desk.engine.begin() as connection:
        retire_seal_key(connection, keys[1].id)
    assert abs((fleet(desk).seal_key_left or 0) - 300 * 86_400) < SLOW + 60


def test_tables_have_their_sizes_where_statistics_are_kept(desk: Desk) -> None:
    seen = fleet(desk).tables
    assert set(seen) == (set(TABLES) if desk.postgresql else set())
    assert all(size > 0 <= dead for size, dead in seen.values())


def test_all_statements_of_a_look_see_one_moment(postgresql: Desk) -> None:
    report(postgresql)
    newest = postgresql.queries.config_version()

    def meanwhile(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "max(version)" in statement and postgresql.queries.config_version() == newest:
            postgresql.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "more": {"type": "simulated"}}})

    watching = open_engine(postgresql.url)
    try:
        with listening(watching, "before_cursor_execute", meanwhile):
            seen = FleetReader(watching).observe().fleet
    finally:
        watching.dispose()
    assert postgresql.queries.config_version() != newest
    assert seen is not None
    assert (seen.config_version, seen.behind) == (newest, [])
