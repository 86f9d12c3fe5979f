"""A small real fleet with everything that watches it: PostgreSQL, Valkey, sources, workers, an exporter, Prometheus and
Alertmanager. Times of the alerts are shortened: a minute is a second.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg

from bench.rig.fleet import Fleet
from bench.rig.registry import description, submission
from bench.rig.servers import plain as libpq_url
from bench.rig.shell import Ran, Shell
from bench.rig.source import Registry, SourceThread
from bench.rig.unit import waited
from bench.rig.watch import Watch, answers
from jurat.vocabulary import Priority
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import PostgreSQL, Valkey, free_port
from tests.rigs.workers import Worker

ROOT = Path(__file__).resolve().parents[2]
SHORTENED = 60.0
SLOTS = 8
UNSERVED = "orphan"
"""The only source that no worker serves."""
PEOPLE = "people"
"""A source that leaves the decision to reviewers."""

LIMITS: Mapping[str, Mapping[str, Any]] = {
    "quick": {},
    "broken": {},
    "ending": {},
    "refusing": {},
    "changed": {},
    "drifting": {},
    "stuck": {},
    UNSERVED: {},
    "spent": {"daily": 20},
    "slow": {},
    "late": {},
    "paused": {},
    "closed": {},
    "limited": {"rate": "50/s", "burst": 10},
    "foreign": {},
    "garbled": {},
}
"""The sources by name, each for one fault, so that none disturbs another, and their limits."""

DEADLINES = {"ending": "10min"}


class WatchedFleet:
    """Runs until the `with` block ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._index = 0
        self.registries = {name: Registry(0.02) for name in LIMITS}
        self.workers: list[Worker] = []
        self.fleet: Fleet
        self.postgresql: PostgreSQL
        self.valkey: Valkey
        self.source: SourceThread
        self.watch: Watch
        self.reader_url: str

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="jurat-alerts-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.postgresql = stack.enter_context(PostgreSQL())
            self.valkey = stack.enter_context(Valkey())
            self.source = stack.enter_context(SourceThread(self.registries))
            url = self.postgresql.databases.create()
            self.fleet = stack.enter_context(Fleet(url, self.valkey.url, folder))
            self._shell = stack.enter_context(closing(Shell(folder)))
            self.apply()
            self.reader_url = stack.enter_context(Logins(url)).url(DatabaseRole.READER)
            ports = [free_port(), free_port()]
            self.workers = [self.worker(port) for port in ports]
            for worker in self.workers:
                stack.callback(worker.close)
            self.start_workers()
            assert self.jurat("backup", "note").code == 0
            self.check_keys()
            targets = [f"127.0.0.1:{port}" for port in ports]
            self.watch = stack.enter_context(Watch(self.reader_url, targets, shortened=SHORTENED))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def worker(self, port: int | None = None, *options: str, **environment: str) -> Worker:
        """A worker that is not started yet. It serves all sources but one, unless `options` say otherwise."""
        served = ",".join(f"checks.{name}" for name in (*LIMITS, PEOPLE) if name != UNSERVED)
        listen = {"JURAT_LISTEN": f"127.0.0.1:{port}"} if port else {}
        queues = options or ("-Q", served)
        own = {**self.fleet.environment, "JURAT_LOG": "json", **listen, **environment}
        return Worker(own, "--concurrency", str(SLOTS), *queues)

    def apply(self, **changed: Mapping[str, Any]) -> int:
        """Apply the configuration, with further limits of some sources; the version of it."""
        url = self.source.url
        return self.fleet.apply(
            {
                "environment": "test",
                "sources": {
                    name: description(url(name), timeout="10s", **{**limits, **changed.get(name, {})})
                    for name, limits in LIMITS.items()
                }
                | {PEOPLE: {"type": "simulated"}},
                "criteria": {name: {"source": name} for name in (*LIMITS, PEOPLE)},
                "consultations": {
                    name: {
                        "questions": {
                            "q": {
                                "criterion": name,
                                "deadline": DEADLINES.get(name, "1d"),
                                **({"on_undetermined": "review"} if name == PEOPLE else {}),
                            }
                        },
                    }
                    for name in (*LIMITS, PEOPLE)
                },
            }
        )

    def closed_now(self) -> dict[str, Any]:
        """Hours in which a source is closed for days from now."""
        day = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()
        return {"hours": {"timezone": "UTC", "open": [f"{day} 00:00-01:00"]}}

    def start_workers(self) -> None:
        """Start the workers that do not run, and wait until each has its configuration."""
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            assert worker.says("configuration taken"), worker.log[-2000:]

    def participant(self, name: str) -> str:
        """A participant with a verdict of a source."""
        first = self._index
        self.submit(name)
        self.settled(name)
        return f"p-{first}"

    def check_keys(self) -> None:
        """Prove the stored copies of the keys, as operators do each month."""
        files = []
        for name in ("unseal_keys", "hash_keys"):
            files.append(self.fleet.folder / name)
            files[-1].write_text(self.workers[0].environment[f"JURAT_{name.upper()}"], "utf-8")
            files[-1].chmod(0o600)
        said = self.jurat("keys", "check", *map(str, files))
        assert said.code == 0, said.said

    def submit(self, name: str, count: int = 1, priority: Priority = Priority.BULK) -> list[str]:
        """Confirm answers of new participants for one source; the ids of their checks."""
        first, self._index = self._index, self._index + count
        return [
            str(check) for check in self.fleet.submit(submission(name, "q", first + n, priority) for n in range(count))
        ]

    def settled(self, name: str, seconds: float = 60.0) -> None:
        """Wait until nothing of a source waits. Raises TimeoutError."""
        waited(
            lambda: (
                self.fleet.scalar("SELECT count(*) FROM jurat_checks WHERE state <> 'settled' AND source = :s", s=name)
                == 0
            ),
            seconds,
            f"checks of {name} wait",
        )

    def jurat(self, *words: str, **environment: str) -> Ran:
        """What `jurat WORDS` says to an administrator."""
        return self._shell.run(words, {**self.fleet.environment, **environment})

    @contextmanager
    def unguarded(self, table: str, trigger: str) -> Iterator[None]:
        """Without one of the triggers that let nobody change what has happened."""
        self.sql(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
        self.sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """The rows of a statement of the superuser, in a transaction of its own."""
        with plain(self.fleet.database_url) as connection:
            found = connection.execute(statement, parameters or None)
            return found.fetchall() if found.description else []

    @contextmanager
    def left_open(self, statement: str, *parameters: Any) -> Iterator[None]:
        """A session that has run a statement and was left open, as someone with psql does."""
        with psycopg.connect(libpq_url(self.fleet.database_url), application_name="forgotten") as session:
            session.execute(statement, parameters or None)
            yield
            with suppress(psycopg.OperationalError):  # someone may have ended it
                session.rollback()

    def ready(self, port: int) -> bool:
        return answers(f"http://127.0.0.1:{port}/readyz")

    def quiet(self, seconds: float = 120.0) -> None:
        """Wait until everything is scraped, and no alert is pending or fires. Raises TimeoutError."""
        prometheus = self.watch.prometheus

        def calm() -> bool:
            # Where a counter begins with what it counts, nothing has increased.
            known = prometheus.query("count_over_time(jurat_answers_unreadable_total[3s]) > 1")
            return len(known) == len(self.workers) and not prometheus.alerts()

        try:
            waited(calm, seconds, "not all is scraped, or alerts stay", 0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {sorted(prometheus.alerts())}") from None

    def pages(self, since: float) -> set[tuple[str, str]]:
        """Name and source of each page that someone was called for since then."""
        heard = self.watch.heard.heard
        return {(one.name, one.source) for one in heard if one.at >= since and one.fires and one.severity == "page"}
