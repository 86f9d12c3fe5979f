"""The whole of jurat for a benchmark: real PostgreSQL with fsync, real Valkey, worker processes, and a web tier."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from sqlalchemy import text

from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import Client
from jurat.seal import generate, key_to_text
from jurat.submission import Submission
from store.datasets.zones import NewZone, import_zones
from store.schema import migrations
from tests.rigs.servers import PostgreSQL, Valkey
from worker.bootstrap import Service, open_service

ROOT = Path(__file__).resolve().parents[1]
BATCH = 1000


class Fleet:
    """Servers and workers that run until the `with` block ends.

    `processes` workers with `slots` look-ups each serve `document`, a configuration as YAML would give it. `prepare`
    gets the environment of a command, once the tables are there and before the configuration is applied.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        zones: Sequence[NewZone] = (),
        processes: int = 2,
        slots: int = 32,
        prepare: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        self._document = document
        self._zones = zones
        self._processes = processes
        self._slots = slots
        self._prepare = prepare
        self._stack = ExitStack()
        self._workers: list[subprocess.Popen[bytes]] = []
        self.service: Service
        self.client: Client

    def __enter__(self) -> Self:
        postgresql = self._stack.enter_context(PostgreSQL(durable=True))
        valkey = self._stack.enter_context(Valkey())
        private, public = generate()
        environment = {
            "JURAT_DATABASE_URL": postgresql.databases.create(),
            "JURAT_BROKER_URL": valkey.url,
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
            "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
        }
        settings = Settings.model_validate({name[6:].lower(): value for name, value in environment.items()})
        self.service = open_service(settings)
        self._stack.callback(self.service.close)
        migrations.upgrade(self.service.database)
        self._prepare(environment)
        import_zones(self.service.database, self._zones, "bench")
        self.service.publisher.apply(Configuration.of(Document.model_validate(self._document)), "bench")
        command = [
            sys.executable,
            "-P",
            "-m",
            "celery",
            "-A",
            "worker.app",
            "worker",
            "--concurrency",
            str(self._slots),
        ]
        for number in range(self._processes):
            worker = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle", "--loglevel", "ERROR", "-n", f"w{number}@%h"],
                cwd=ROOT,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
            )
            self._workers.append(worker)
        self._stack.callback(self._stop_workers)
        self.client = Client(settings.database_url, settings.broker_url, settings.seal_key)
        self._stack.callback(self.client.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def submit(self, submissions: Sequence[Submission]) -> list[UUID]:
        """Confirm answers as a web tier does, in batches; the ids of their checks in the same order."""
        ids: list[UUID] = []
        for start in range(0, len(submissions), BATCH):
            with self.service.database.begin() as connection:
                checks = self.client.submit_many(connection, submissions[start : start + BATCH])
            self.client.ring()
            ids += [check.id for check in checks]
        return ids

    def wait(self, timeout: float) -> None:
        """Until every check is settled.

        Raises TimeoutError after `timeout` seconds, with how many are not.
        """
        end = time.monotonic() + timeout
        while left := self.unsettled():
            if time.monotonic() > end:
                raise TimeoutError(f"{left} checks are not settled after {timeout:g} s")
            time.sleep(0.2)

    def unsettled(self) -> int:
        """How many checks have no verdict yet."""
        with self.service.database.begin() as connection:
            return int(
                connection.execute(text("SELECT count(*) FROM jurat_checks WHERE state <> 'settled'")).scalar_one()
            )

    def _stop_workers(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            try:
                worker.wait(70)
            except subprocess.TimeoutExpired:
                worker.kill()
