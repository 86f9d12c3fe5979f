"""Real workers, as many as the ScaledObject of the manifests wants, with times shortened by one factor.

The manifest's query is asked as a user with `jurat_reader`; workers have the slots that they have in a cluster, and end
by SIGTERM. Only the cluster is missing: `Autoscaler` decides, and processes stand for pods.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from bench.rig.fleet import Fleet
from bench.rig.registry import description, submission
from bench.rig.servers import connect
from bench.rig.source import Registry, SourceThread
from bench.rig.unit import Unit, waited
from jurat.vocabulary import Priority
from store.schema.grants import DatabaseRole
from tests.deploy.autoscaler import SYNC, Autoscaler
from tests.deploy.manifests import build, one
from tests.rigs.logins import Logins
from tests.rigs.servers import PostgreSQL, Valkey
from worker.celery_settings import SLOTS

FASTER: Final = 60.0
"""A minute of the autoscaler is a second here. jurat's own times are as they are."""


class ScaledFleet:
    """Runs with its least pods until the `with` block ends. `registries` are its sources, `limits` those of some."""

    def __init__(self, registries: Mapping[str, Registry], **limits: Mapping[str, Any]) -> None:
        self._stack = ExitStack()
        self._limits = limits
        self.registries = registries
        self.metrics: list[float | None] = []
        """What was read each time; None where nothing could be."""
        self.counts: list[int] = []
        """How many pods were decided on each time."""
        self.running: list[Unit] = []
        self.retired: list[Unit] = []
        self.fleet: Fleet
        self.postgresql: PostgreSQL
        self.scaler: Autoscaler
        self._begun = 0.0

    def __enter__(self) -> Self:
        scaled = one(build("production"), "ScaledObject")["spec"]
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="jurat-scaling-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.postgresql = stack.enter_context(PostgreSQL())
            valkey = stack.enter_context(Valkey())
            source = stack.enter_context(SourceThread(self.registries))
            url = self.postgresql.databases.create()
            self.fleet = stack.enter_context(Fleet(url, valkey.url, folder))
            self.fleet.apply(self._document(source))
            logins = Logins(url)
            self._worker_url, self._reader_url = logins.url(DatabaseRole.WORKER), logins.url(DatabaseRole.READER)
            self.scaler = Autoscaler(scaled, self._ask, scaled["minReplicaCount"])
            self._scale(self.scaler.pods)
            waited(self._all_ready, 100, "the workers do not start")
            waited(lambda: None not in self.of_sources("figures_at"), 100, "no worker counts what waits")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def submit(self, source: str, indexes: Iterable[int]) -> None:
        """Confirm an answer for each, which a source decides."""
        self.fleet.submit(submission(source, "q", index, Priority.BULK) for index in indexes)

    def of_sources(self, column: str) -> list[Any]:
        """What the rows of the sources say, by their names."""
        return self.fleet.column(f"SELECT {column} FROM jurat_sources ORDER BY name")

    def run(self, until: Callable[[], bool], seconds: float) -> None:
        """Let the autoscaler decide until something holds. Raises TimeoutError."""
        self._begun = self._begun or time.monotonic() - SYNC / FASTER
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds:g} s: {self.counts}, {self.metrics}")
            time.sleep(SYNC / FASTER)
            self.counts.append(self.scaler.decide((time.monotonic() - self._begun) * FASTER))
            self._scale(self.counts[-1])

    def decided(self, times: int) -> Callable[[], bool]:
        """Whether so many more decisions were made."""
        before = len(self.counts)
        return lambda: len(self.counts) >= before + times

    def _document(self, source: SourceThread) -> dict[str, Any]:
        """A configuration with one question for each source."""
        names = list(self.registries)
        return {
            "environment": "test",
            "sources": {
                name: description(source.url(name), timeout="60s", **self._limits.get(name, {})) for name in names
            },
            "criteria": {name: {"source": name} for name in names},
            "consultations": {name: {"questions": {"q": {"criterion": name, "deadline": "1d"}}} for name in names},
        }

    def _scale(self, pods: int) -> None:
        """Start or end workers, without waiting for them, as a Deployment does."""
        while len(self.running) < pods:
            self.running.append(self.fleet.add(SLOTS, environment={"JURAT_DATABASE_URL": self._worker_url}))
            self.running[-1].start()
        while len(self.running) > pods:
            self.retired.append(self.running.pop())
            self.retired[-1].retire()

    def _all_ready(self) -> bool:
        return all(unit.ready for unit in self.running)

    def _ask(self, query: str) -> float:
        """As KEDA does: one number, or an error."""
        self.metrics.append(None)
        try:
            with connect(self._reader_url) as connection:
                (row,) = connection.execute(query.encode()).fetchall()
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from None
        (value,) = row
        self.metrics[-1] = float(value)
        return float(value)
