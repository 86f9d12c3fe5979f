"""The health and metrics of real worker processes, over HTTP, while their database, broker and keys come and go."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics

from jurat.database import open_engine
from jurat.ring import Bell
from jurat.seal import generate, key_id, key_to_text
from jurat.vocabulary import Priority
from store.requests.code_lists import add_codes
from store.schema.release import VERSION
from tests.rigs.servers import NoServer, PostgreSQL, Valkey
from tests.rigs.workers import ROOT, Worker, refused
from tests.store.desk import HASH_KEY, PRIVATE_KEY, PUBLIC_KEY, Desk
from tests.worker.engine.works import PATIENCE, soon
from worker.installation import installation
from worker.metrics.names import WORKER_METRICS, Kind

pytestmark = pytest.mark.acceptance

KEYS = {
    "JURAT_BROKER_URL": "none",
    "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
    "JURAT_SEAL_KEY": key_to_text(PUBLIC_KEY),
    "JURAT_HASH_KEYS": key_to_text(HASH_KEY),
    "JURAT_LISTEN": "127.0.0.1:0",
}


class Typed(Worker):
    """The same worker, started by `bin/jurat worker`."""

    def _command(self) -> list[str]:
        celery = super()._command()
        return [celery[0], "-m", "cli", *celery[celery.index("worker") :]]


@pytest.fixture
def desk(postgresql_url: str) -> Iterator[Desk]:
    made = Desk(postgresql_url)
    yield made
    made.close()


def worker_of(desk: Desk, kind: type[Worker] = Worker, **settings: str) -> Worker:
    return kind({**KEYS, "JURAT_DATABASE_URL": desk.url, **settings}, "--concurrency", "4")


def ask(worker: Worker, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{worker.endpoints}/{path}", headers=headers, timeout=PATIENCE)


def becomes(worker: Worker, path: str, status: int) -> list[str]:
    """The problems of a path once it has this status."""
    assert soon(lambda: ask(worker, path).status_code == status), ask(worker, path).text
    problems: list[str] = ask(worker, path).json()["problems"]
    return problems


def value(worker: Worker, name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in plain_metrics(ask(worker, "metrics").text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Worker, Typed])
def test_a_worker_shows_each_of_its_metrics_and_no_other(kind: type[Worker], desk: Desk, valkey_url: str) -> None:
    with worker_of(desk, kind, JURAT_BROKER_URL=valkey_url) as worker:
        assert becomes(worker, "readyz", 200) == becomes(worker, "startupz", 200) == becomes(worker, "livez", 200) == []
        about = ask(worker, "readyz").json()
        assert (about["version"], about["installation"]) == (VERSION, installation(desk.url))
        words = ["accept", "accept", "refuse", "slow:20ms", "undetermined", "down"]
        checks = [
            desk.submit(f"Valombre-{n}", answer={"word": word, "name": "Iris"}, priority=Priority.INTERACTIVE)
            for n, word in enumerate(words)
        ]
        bell = Bell(valkey_url)
        bell.note(["towns"])
        bell.ring()
        bell.close()
        assert soon(lambda: value(worker, "jurat_bells_total", kind="rung") > 0)
        assert soon(lambda: value(worker, "jurat_verdicts_total") >= 5), worker.log
        assert soon(lambda: value(worker, "jurat_lookups_total", result="unavailable") >= 1)

        plain, opened = ask(worker, "metrics"), ask(worker, "metrics", Accept="application/openmetrics-text")
        shown = {family.name: family for family in plain_metrics(plain.text)}
        # A parser takes the `_total` of counters off.
        assert set(shown) == {
            metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name
            for metric in WORKER_METRICS
        }
        for metric in WORKER_METRICS:
            family = shown[metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name]
            assert family.documentation == metric.help
            assert family.samples, metric.name
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(metric.labels)
        assert len(list(open_metrics(opened.text))) == len(WORKER_METRICS)  # type: ignore[no-untyped-call]

        assert value(worker, "jurat_worker_slots") == 4
        assert value(worker, "jurat_worker_ready") == value(worker, "jurat_worker_database_up") == 1
        assert value(worker, "jurat_worker_broker_connected") == 1
        assert value(worker, "jurat_verdicts_total", source="towns", outcome="accepted") == 3
        assert value(worker, "jurat_verdict_reasons_total", reason="record_matches") == 3
        assert value(worker, "jurat_check_verdict_seconds_count", priority="interactive") >= 4
        assert value(worker, "jurat_check_wait_seconds_count", source="towns") >= 6
        assert value(worker, "jurat_statement_duration_seconds_count", statement="register") >= 1
        assert value(worker, "jurat_statement_duration_seconds_count", statement="settle") >= 1
        everything = plain.text + opened.text + ask(worker, "readyz").text
        for secret in ("Valombre", "Iris", "budget", "residence", *(str(check.id) for check in checks)):
            assert secret not in everything
        _promtool(plain.text)
        assert worker.stop() == 0


def _promtool(text: str) -> None:
    """Prometheus's own lint has nothing to say, where it is installed."""
    if program := shutil.which("promtool"):
        ran = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_verdict_and_a_wait_are_measured_by_the_databases_clock_alone(desk: Desk) -> None:
    """The check is an hour old before a worker comes."""
    check = desk.submit(priority=Priority.INTERACTIVE)
    desk.sql(f"UPDATE jurat_checks SET submitted_at = NOW(-3600), due_at = NOW(-600) WHERE id = '{check.id}'")
    with worker_of(desk) as worker:
        assert soon(lambda: value(worker, "jurat_check_verdict_seconds_count", priority="interactive") == 1)
        assert 3600 <= value(worker, "jurat_check_verdict_seconds_sum", priority="interactive") < 3600 + PATIENCE
        assert 600 <= value(worker, "jurat_check_wait_seconds_sum", source="towns") < 600 + PATIENCE


@pytest.mark.slow
def test_a_worker_without_the_key_of_what_waits_is_alive_and_never_ready(desk: Desk) -> None:
    desk.submit()
    with worker_of(desk, JURAT_UNSEAL_KEYS=key_to_text(generate()[0]), JURAT_SEAL_KEY="") as worker:
        sentences = becomes(worker, "readyz", 503)
        assert soon(lambda: any(key_id(PUBLIC_KEY) in each for each in ask(worker, "readyz").json()["problems"]))
        assert all(each.startswith("this worker ") for each in sentences)
        assert (becomes(worker, "livez", 200), becomes(worker, "startupz", 200)) == ([], [])
        assert value(worker, "jurat_worker_ready") == 0
        assert desk.one("SELECT count(*) FROM jurat_workers WHERE ready") == 0


@pytest.mark.slow
def test_a_worker_without_the_key_of_stored_codes_is_not_ready(desk: Desk) -> None:
    add_codes(desk.engine, "spring", [desk.fingerprints.newest("spring", "ABCD2345")], "an admin")
    with worker_of(desk, JURAT_HASH_KEYS=key_to_text(bytes(32))) as worker:
        (missing,) = desk.fingerprints.key_ids
        assert soon(lambda: any(f"{missing}; bring back" in each for each in becomes(worker, "readyz", 503)))
    with Worker(
        {**KEYS, "JURAT_DATABASE_URL": desk.url, "JURAT_HASH_KEYS": ""}, "--concurrency", "2", "-Q", "checks.towns"
    ) as worker:
        assert becomes(worker, "readyz", 200) == [], "it leaves codes to others"


@pytest.mark.slow
def test_a_worker_without_a_configuration_or_with_another_schema_is_not_ready(postgresql_url: str) -> None:
    environment = {**KEYS, "JURAT_DATABASE_URL": postgresql_url}
    engine = open_engine(postgresql_url)
    with Worker(environment, "--concurrency", "2") as worker:
        assert becomes(worker, "startupz", 200) == []
        assert any("config apply" in each for each in becomes(worker, "readyz", 503))
        Desk(postgresql_url).close()
        assert becomes(worker, "readyz", 200) == []
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE jurat_alembic_version SET version_num = '0028'")
        assert any("was never released" in each for each in becomes(worker, "readyz", 503))
        assert becomes(worker, "livez", 200) == []
    engine.dispose()


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    try:
        made = PostgreSQL()
    except NoServer as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("fault", ["kill", "pause", "read-only"])
def test_a_worker_whose_database_is_away_is_alive_and_not_ready(server: PostgreSQL, fault: str) -> None:
    url = server.databases.create()
    from store.schema.migrations import upgrade

    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    desk = Desk(url)
    with worker_of(desk) as worker:
        becomes(worker, "readyz", 200)
        _break(server, desk, fault)
        assert becomes(worker, "readyz", 503) == ["this worker does not reach the database, or may not write there"]
        assert becomes(worker, "livez", 200) == becomes(worker, "startupz", 200) == []
        assert value(worker, "jurat_worker_database_up") == value(worker, "jurat_worker_ready") == 0
        if fault != "pause":
            assert value(worker, "jurat_database_outages_total") >= 1
        _mend(server, desk, fault)
        assert becomes(worker, "readyz", 200) == []
        check = desk.submit("later")
        assert soon(lambda: desk.verdicts(check.id) != [])
    desk.close()


def _break(server: PostgreSQL, desk: Desk, fault: str) -> None:
    if fault == "kill":
        server.kill()
    elif fault == "pause":
        server.pause()
    else:
        desk.sql(f"ALTER DATABASE {desk.engine.url.database} SET default_transaction_read_only = on")
        desk.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def _mend(server: PostgreSQL, desk: Desk, fault: str) -> None:
    if fault == "kill":
        server.start()
    elif fault == "pause":
        server.resume()
    else:
        desk.sql(f"ALTER DATABASE {desk.engine.url.database} RESET default_transaction_read_only")
        desk.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


@pytest.mark.slow
@pytest.mark.faults
def test_a_worker_without_its_broker_is_ready_and_says_that_it_hears_no_bells(desk: Desk) -> None:
    try:
        broker = Valkey()
    except NoServer as error:
        pytest.skip(str(error))
    with broker, worker_of(desk, JURAT_BROKER_URL=broker.url) as worker:
        assert soon(lambda: value(worker, "jurat_worker_broker_connected") == 1)
        broker.kill()
        assert soon(lambda: value(worker, "jurat_worker_broker_connected") == 0)
        assert becomes(worker, "readyz", 200) == becomes(worker, "livez", 200) == []
        broker.start()
        assert soon(lambda: value(worker, "jurat_worker_broker_connected") == 1)


@pytest.mark.slow
def test_a_worker_that_ends_is_not_ready_at_once_and_alive_to_the_end(desk: Desk) -> None:
    with worker_of(desk) as worker:
        becomes(worker, "readyz", 200)
        check = desk.submit(answer={"word": "slow:3s"})
        assert soon(lambda: value(worker, "jurat_worker_slots_busy") == 1)
        url = worker.endpoints
        assert worker.pid is not None
        signalled = time.monotonic()
        subprocess.run(["kill", f"-{signal.SIGTERM}", str(worker.pid)], check=True)
        seen: list[tuple[int, int]] = []
        while worker.exit_code is None:
            try:
                ready, live = (requests.get(f"{url}/{path}", timeout=5).status_code for path in ("readyz", "livez"))
                seen.append((ready, live))
            except requests.RequestException:
                break
            time.sleep(0.05)
        assert soon(lambda: worker.exit_code is not None)
        assert worker.exit_code == 0
        assert {live for _, live in seen} == {200}
        first = next(number for number, (ready, _) in enumerate(seen) if ready == 503)
        assert {ready for ready, _ in seen[first:]} == {503}
        assert first < len(seen) / 2, "it took no more work long before its end"
        assert time.monotonic() - signalled < 2 * PATIENCE
    assert desk.verdicts(check.id) != [], "the lookup that was under way was finished"


@pytest.mark.slow
def test_an_address_that_is_taken_ends_a_worker_before_it_works(desk: Desk) -> None:
    with worker_of(desk) as worker:
        address = worker.endpoints.removeprefix("http://")
        environment = {**KEYS, "JURAT_DATABASE_URL": desk.url, "JURAT_LISTEN": address}
        for ended in (refused(environment), _typed(environment)):
            assert ended.returncode == 2
            sentence = ended.stderr.strip().splitlines()[-1]
            assert sentence.startswith(f"JURAT_LISTEN: {address} cannot be used (")
            assert "engine started" not in ended.stderr
            assert "Traceback" not in ended.stderr
        assert becomes(worker, "livez", 200) == []


def _typed(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", "worker"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.slow
def test_without_an_address_nothing_is_served_and_no_library_for_it_is_loaded(desk: Desk) -> None:
    def loaded(address: str) -> set[str]:
        with worker_of(desk, PYTHONPROFILEIMPORTTIME="1", JURAT_LISTEN=address) as worker:
            assert worker.says("configuration taken")
            log = worker.log
        return {found[1] for found in re.finditer(r"^import time: .*\| +([\w.]+)$", log, re.MULTILINE)}

    of_metrics = {"prometheus_client", "worker.metrics.endpoints", "worker.metrics.worker_metrics", "http.server"}
    assert loaded("127.0.0.1:0") >= of_metrics
    assert not loaded("") & of_metrics
