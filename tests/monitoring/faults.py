"""A fault for each alert, put into a real fleet, and what must call nobody.

A fault is a context: it is in when the block begins, and mended when it ends. Where a condition needs hours or days,
rows are made so much older; nothing else is pretended.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rig.registry import description, submission
from bench.rig.source import Mood
from bench.rig.unit import waited
from jurat import Client, Priority, Submission
from jurat.ids import uuid7
from jurat.seal import generate, key_from_text, key_id, key_to_text
from store.schema.release import VERSION
from store.workers import LIVE
from tests.monitoring.watched_fleet import PEOPLE, ROOT, SLOTS, UNSERVED, WatchedFleet
from tests.rigs.logins import plain

Put = Callable[[WatchedFleet], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken, the source that it concerns, and seconds until the fleet itself can know."""

    put: Put
    source: str = ""
    notice: float = 0.0


def mended(run: Callable[[WatchedFleet], Iterator[None]]) -> Put:
    """The generator as a context that mends its fault also where the block fails: the next test shares the fleet."""

    @contextmanager
    def put(fleet: WatchedFleet) -> Iterator[None]:
        steps = run(fleet)
        next(steps)
        try:
            yield
        finally:
            next(steps, None)

    return put


FAULTS: dict[str, Fault] = {}
"""By the alert that each must fire."""


def fault(
    alert: str, source: str = "", notice: float = 0.0
) -> Callable[[Callable[[WatchedFleet], Iterator[None]]], Callable[[WatchedFleet], Iterator[None]]]:
    """Register a generator as the fault of an alert."""

    def register(run: Callable[[WatchedFleet], Iterator[None]]) -> Callable[[WatchedFleet], Iterator[None]]:
        FAULTS[alert] = Fault(mended(run), source, notice)
        return run

    return register


# ------------------------------------------------------------------------------------------------------------ workers


@fault("JuratNobodyWorks")
def all_workers_end(fleet: WatchedFleet) -> Iterator[None]:
    for worker in fleet.workers:
        worker.stop()
    yield
    fleet.start_workers()


@fault("JuratWorkersRestart", notice=LIVE)
def a_worker_is_killed_again_and_again(fleet: WatchedFleet) -> Iterator[None]:
    worker = fleet.workers[0]
    newest = "SELECT max(started_at) FROM jurat_workers"
    for _ in range(3):
        before = fleet.sql(newest)
        worker.kill()
        worker.start()
        waited(lambda: fleet.sql(newest) > before, 60, "the worker does not report")  # noqa: B023
    yield
    # An hour later.
    fleet.sql("DELETE FROM jurat_workers WHERE seen_at < now() - interval '20 s'")
    made_older(fleet, "worker vanished", "1 hour")


@fault("JuratVersionsMixed")
def an_update_stops_halfway(fleet: WatchedFleet) -> Iterator[None]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="jurat-version-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("adapters", "config", "jurat", "migrations", "store", "tasks", "worker"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / "store" / "schema" / "release.py"
        file.write_text(file.read_text("utf-8").replace(VERSION, "99.0.0"), "utf-8")
        worker = stack.enter_context(fleet.worker(PYTHONPATH=str(folder)))
        assert worker.says("configuration taken"), worker.log[-2000:]
        yield
        worker.stop()


@fault("JuratConfigNotTaken", notice=5.0)
def a_newer_release_applies_what_workers_cannot_read(fleet: WatchedFleet) -> Iterator[None]:
    fleet.sql("""
        INSERT INTO jurat_configs SELECT (jsonb_populate_record(c, jsonb_build_object('version', c.version + 1,
          'document', jsonb_set(c.document, '{sources,quick,option_of_tomorrow}', '1')))).*
        FROM jurat_configs c ORDER BY c.version DESC LIMIT 1""")
    yield
    fleet.apply(quick={"concurrency": 100})
    fleet.apply()


@fault("JuratUpkeepLate", notice=LIVE)
def someone_holds_a_job(fleet: WatchedFleet) -> Iterator[None]:
    with fleet.left_open("SELECT 1 FROM jurat_upkeep WHERE task = 'access' FOR UPDATE"):
        yield
        page = (ROOT / "docs" / "runbooks" / "README.md").read_text("utf-8")
        find, end = re.findall(r"^```sql\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        ((pid, *_, tables, statement),) = fleet.sql(find)
        assert tables == "jurat_upkeep"
        assert statement.startswith("SELECT 1 FROM jurat_upkeep")
        fleet.sql(end.replace("PID", str(pid)))


# ---------------------------------------------------------------------------------------------------------------- keys


@fault("JuratKeyMissing", source="foreign")
def answers_are_sealed_for_a_key_that_nobody_has(fleet: WatchedFleet) -> Iterator[None]:
    private, public = map(key_to_text, generate())
    client = Client(fleet.fleet.database_url, fleet.valkey.url, public)
    with fleet.fleet.service.database.begin() as connection:
        client.submit_many(connection, [submission("foreign", "q", 4_000_001, Priority.BULK)])
    client.close()
    yield
    worker = fleet.workers[0]
    worker.stop()
    worker.environment["JURAT_UNSEAL_KEYS"] += f",{private}"
    worker.start()
    fleet.settled("foreign")


@fault("JuratAnswersUnreadable", source="")
def a_platform_sends_what_no_key_opens(fleet: WatchedFleet) -> Iterator[None]:
    contract = (ROOT / "docs" / "reference" / "contract.md").read_text("utf-8")
    documented = re.findall(r"```sql\n(INSERT INTO jurat_checks .*?)```", contract, re.DOTALL)[0]
    row = {
        "id": uuid7(),
        "participant": "p-garbled",
        "consultation": "garbled",
        "question": "q",
        "round": 1,
        "answer": b"\x07" * 100,
        "answer_key": key_id(key_from_text(fleet.fleet.seal_key, "JURAT_SEAL_KEY")),
        "reply_key": None,
    }
    with plain(fleet.fleet.database_url) as connection:
        connection.execute(re.sub(r"(?<!:):(\w+)", r"%(\1)s", documented), row)
    yield


# ------------------------------------------------------------------------------------------------------------- sources


@contextmanager
def mood(fleet: WatchedFleet, name: str, mood: Mood, checks: int = 8) -> Iterator[None]:
    """A source that answers so while checks wait for it."""
    registry = fleet.registries[name]
    registry.mood = mood
    try:
        fleet.submit(name, checks)
        yield
    finally:
        registry.mood = Mood.WELL
    fleet.settled(name, 120)


@fault("JuratSourceBroken", source="broken", notice=10.0)
def a_source_is_down(fleet: WatchedFleet) -> Iterator[None]:
    with mood(fleet, "broken", Mood.DOWN):
        yield


@fault("JuratDeadlinesAhead", source="ending", notice=10.0)
def a_source_is_down_and_a_deadline_is_near(fleet: WatchedFleet) -> Iterator[None]:
    with mood(fleet, "ending", Mood.DOWN):
        yield


@fault("JuratSourceRefusesUs", source="refusing")
def a_source_refuses_our_credentials(fleet: WatchedFleet) -> Iterator[None]:
    with mood(fleet, "refusing", Mood.REFUSING):
        yield


@fault("JuratSourceChangedShape", source="changed", notice=5.0)
def a_source_answers_what_is_no_record(fleet: WatchedFleet) -> Iterator[None]:
    with mood(fleet, "changed", Mood.GARBAGE):
        yield


@fault("JuratSourceSuspect", source="drifting", notice=30.0)
def a_source_has_other_words_for_its_states(fleet: WatchedFleet) -> Iterator[None]:
    fleet.sql("INSERT INTO jurat_outcomes SELECT 'drifting', extract(epoch FROM now())::int / 3600 - 60, 'x', 1000")
    record = {**description("")["record"], "status": {"active": ["in force"], "inactive": ["struck off"]}}
    newest = [(fleet.apply(drifting={"record": record}),)]
    waited(lambda: fleet.sql("SELECT min(config_version) FROM jurat_workers") == newest, 60, "workers do not take it")
    fleet.submit("drifting", 60)
    yield
    fleet.apply()
    fleet.jurat("sources", "trust", "drifting")


@fault("JuratSourceUnserved", source=UNSERVED)
def no_worker_serves_a_source(fleet: WatchedFleet) -> Iterator[None]:
    fleet.submit(UNSERVED)
    yield
    with fleet.worker(None, "-Q", f"checks.{UNSERVED}"):
        fleet.settled(UNSERVED)


@fault("JuratChecksStuck", source="stuck")
def a_trigger_of_the_platform_refuses_claims(fleet: WatchedFleet) -> Iterator[None]:
    fleet.sql("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not on my watch'; END $$""")
    fleet.sql("""
        CREATE TRIGGER refuse BEFORE UPDATE ON jurat_checks FOR EACH ROW
        WHEN (NEW.source = 'stuck' AND NEW.state = 'leased') EXECUTE FUNCTION refuse()""")
    fleet.submit("stuck", 3)
    fleet.sql("UPDATE jurat_checks SET due_at = due_at - interval '70 s' WHERE source = 'stuck' AND state = 'pending'")
    yield
    fleet.sql("DROP TRIGGER refuse ON jurat_checks")
    fleet.sql("DROP FUNCTION refuse")
    fleet.settled("stuck", 120)


@fault("JuratBacklogGrows")
def a_crowd_at_a_slow_source(fleet: WatchedFleet) -> Iterator[None]:
    registry = fleet.registries["slow"]
    registry.latency = 3.0
    fleet.submit("slow", SLOTS * 2 * 20)
    yield
    registry.latency = 0.01
    fleet.settled("slow", 120)


@fault("JuratDayNearlyUsed", source="spent", notice=5.0)
def a_day_is_nearly_used(fleet: WatchedFleet) -> Iterator[None]:
    fleet.submit("spent", 19)
    fleet.settled("spent")
    yield
    fleet.sql("UPDATE jurat_sources SET used = 0 WHERE name = 'spent'")


@fault("JuratBurnFast")
def a_source_gets_slow(fleet: WatchedFleet) -> Iterator[None]:
    registry = fleet.registries["late"]
    registry.latency = 6.0
    fleet.submit("late", SLOTS * 2, Priority.INTERACTIVE)
    fleet.settled("late")
    yield
    registry.latency = 0.01


@fault("JuratBurnSlow")
def a_few_lookups_are_slow(fleet: WatchedFleet) -> Iterator[None]:
    fleet.registries["late"].latency = 6.0
    for batch in range(10):
        if batch == 4:  # in between, or on a slow machine they would be most of a minute
            fleet.submit("late", SLOTS * 2 - 2, Priority.INTERACTIVE)
        fleet.submit("quick", 20, Priority.INTERACTIVE)
        fleet.settled("quick")
    fleet.settled("late")
    fleet.registries["late"].latency = 0.01
    yield


# ------------------------------------------------------------------------------------------------------------ database


@fault("JuratDatabaseAway", notice=5.0)
def the_database_is_killed(fleet: WatchedFleet) -> Iterator[None]:
    fleet.postgresql.kill()
    yield
    fleet.postgresql.start()


@fault("JuratDatabaseReadOnly", notice=5.0)
def the_database_takes_no_writes(fleet: WatchedFleet) -> Iterator[None]:
    fleet.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    fleet.sql("SELECT pg_reload_conf()")
    yield
    fleet.sql("ALTER SYSTEM RESET default_transaction_read_only")
    fleet.sql("SELECT pg_reload_conf()")


@fault("JuratSchemaUnusable", notice=5.0)
def a_newer_contract_is_in_force(fleet: WatchedFleet) -> Iterator[None]:
    ((revision,),) = fleet.sql("SELECT version_num FROM jurat_alembic_version")
    fleet.sql("INSERT INTO jurat_contract (version) VALUES (2)")
    fleet.sql("UPDATE jurat_alembic_version SET version_num = '0999_contract_2'")
    yield
    fleet.sql("DELETE FROM jurat_contract WHERE version = 2")
    fleet.sql("UPDATE jurat_alembic_version SET version_num = %s", revision)


@fault("JuratMetricsMissing")
def the_exporter_is_killed(fleet: WatchedFleet) -> Iterator[None]:
    fleet.watch.exporter.kill()
    yield
    fleet.watch.exporter.start()


# -------------------------------------------------------------------------------------------------- persons and copies


@contextmanager
def row_held(fleet: WatchedFleet, participant: str) -> Iterator[None]:
    """A session that holds a participant's access row."""
    with fleet.left_open("SELECT 1 FROM jurat_access WHERE participant = %s FOR UPDATE", participant):
        yield


@fault("JuratRequestsStuck", notice=5.0)
def someone_holds_the_row_of_a_participant_to_be_erased(fleet: WatchedFleet) -> Iterator[None]:
    participant = fleet.participant("quick")
    with row_held(fleet, participant):
        with fleet.fleet.service.database.begin() as connection:
            fleet.fleet.client.erase(connection, participant=participant)
        with fleet.unguarded("jurat_requests", "jurat_requests_changed"):
            fleet.sql("UPDATE jurat_requests SET asked_at = asked_at - interval '11 min' WHERE applied_at IS NULL")
        yield


@fault("JuratReviewsOverdue", notice=5.0)
def a_review_does_not_end(fleet: WatchedFleet) -> Iterator[None]:
    participant = f"p-review-{uuid7()}"
    fleet.fleet.submit([Submission(PEOPLE, participant, "q", {"word": "review"}, priority=Priority.BULK)])
    in_review = "SELECT count(*) FROM jurat_reviews WHERE decided_at IS NULL"
    waited(lambda: fleet.sql(in_review)[0][0] == 1, 60, "no review")
    with row_held(fleet, participant):
        fleet.sql("UPDATE jurat_reviews SET due_at = now() - interval '1 hour' WHERE decided_at IS NULL")
        yield


def made_older(fleet: WatchedFleet, action: str, by: str) -> None:
    """Make what the audit has of an action older, which nobody else may."""
    with fleet.unguarded("jurat_audit", "jurat_audit_kept"):
        fleet.sql("UPDATE jurat_audit SET at = at - CAST(%s AS interval) WHERE action = %s", by, action)


@fault("JuratBackupOld", notice=5.0)
def the_backup_job_fails(fleet: WatchedFleet) -> Iterator[None]:
    made_older(fleet, "backup note", "27 hours")
    yield
    assert fleet.jurat("backup", "note").code == 0


@fault("JuratKeysUnverified", notice=5.0)
def nobody_checks_the_keys(fleet: WatchedFleet) -> Iterator[None]:
    made_older(fleet, "keys check", "32 days")
    yield
    fleet.check_keys()


@fault("JuratSealKeyDue", notice=5.0)
def nobody_rotates_the_keys(fleet: WatchedFleet) -> Iterator[None]:
    fleet.sql(
        """INSERT INTO jurat_seal_keys (id, public_key, from_at, until_at, signature)
           VALUES (%s, '', now() - interval '31 days', now() + interval '89 days', '')""",
        f"{uuid7()}",
    )
    yield
    fleet.sql("UPDATE jurat_seal_keys SET retired_at = statement_timestamp() WHERE retired_at IS NULL")


# ------------------------------------------------------------------------------------------------ what must call nobody


QUIET: dict[str, Put] = {}
"""By its title, what an operator's day brings."""


def harmless(title: str) -> Callable[[Callable[[WatchedFleet], Iterator[None]]], None]:
    """Register a generator as something that must call nobody."""

    def register(run: Callable[[WatchedFleet], Iterator[None]]) -> None:
        QUIET[title] = contextmanager(run)

    return register


@harmless("one worker is restarted")
def one_restart(fleet: WatchedFleet) -> Iterator[None]:
    fleet.workers[0].stop()
    fleet.workers[0].start()
    yield


@harmless("all workers are restarted, one after the other")
def rolling_restart(fleet: WatchedFleet) -> Iterator[None]:
    for worker in fleet.workers:
        worker.stop()
        worker.start()
        assert worker.says("configuration taken")
    yield


@harmless("the broker is away")
def broker_outage(fleet: WatchedFleet) -> Iterator[None]:
    fleet.valkey.kill()
    yield
    fleet.valkey.start()


@harmless("a source is closed by its hours")
def closed(fleet: WatchedFleet) -> Iterator[None]:
    fleet.apply(closed=fleet.closed_now())
    fleet.submit("closed", 15, Priority.INTERACTIVE)
    yield
    fleet.apply()
    fleet.settled("closed")


@harmless("someone paused a source")
def paused(fleet: WatchedFleet) -> Iterator[None]:
    said = fleet.jurat("sources", "pause", "paused", "--for", "1h", "--reason", "maintenance")
    assert said.code == 0, said.said
    fleet.submit("paused", 15, Priority.INTERACTIVE)
    yield
    assert fleet.jurat("sources", "resume", "paused").code == 0
    fleet.settled("paused")


@harmless("2,000 checks are imported for a source with a rate")
def imported(fleet: WatchedFleet) -> Iterator[None]:
    fleet.submit("limited", 2_000)
    yield
    fleet.settled("limited", 120)
