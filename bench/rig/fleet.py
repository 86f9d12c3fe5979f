"""Runs the whole of jurat on one database: tables, keys, configuration, workers, and a platform that submits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Engine, text

from bench.rig.unit import OURS, Program, Unit, until
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import Client, Submission
from jurat.seal import generate, key_to_text
from store.configurations.publisher import ConfigPublisher
from store.schema import migrations
from worker.service import open_service

_CHUNK = 5000
"""Submits that share a transaction."""

_VERDICTS = """
    SELECT c.participant, v.outcome, CAST(extract(epoch FROM pg_xact_commit_timestamp(v.xmin)) AS float8)
    FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of one submit ended with, and when that was committed, by the wall clock."""

    index: int
    outcome: str
    at: float


class Fleet:
    """Has the tables and keys of its own from the beginning. Workers are added, run from `start` on, and end with it.

    `broker_url` may be `none`. The logs of workers are in `folder`.
    """

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        folder: Path,
        make_tables: Callable[[Engine], object] = migrations.upgrade,
    ) -> None:
        private, public = map(key_to_text, generate())
        keys = {"unseal_keys": private, "hash_keys": key_to_text(os.urandom(32))}
        self.database_url = database_url
        self.seal_key = public
        self.folder = folder
        self.units: list[Unit] = []
        self.committed_at = 0.0
        """When the last lot of answers was committed, by the wall clock."""
        self.environment = {f"JURAT_{name.upper()}": key for name, key in keys.items()}
        """Of a process that belongs to it."""
        self.environment |= {"JURAT_DATABASE_URL": database_url, "JURAT_BROKER_URL": broker_url}
        self.environment["JURAT_PRIVATE_NETWORKS"] = "127.0.0.1"
        folder.mkdir(exist_ok=True)
        self.service = open_service(
            Settings.model_validate({**keys, "database_url": database_url, "broker_url": "none"})
        )
        self.client = Client(database_url, broker_url, public)
        make_tables(self.service.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers at once, whatever they do."""
        for unit in self.units:
            unit.kill()
        self.client.close()
        self.service.close()

    def apply(self, document: Mapping[str, Any]) -> int:
        """Apply a configuration, as YAML would give it. Returns its version."""
        return ConfigPublisher(self.service.database).apply(
            Configuration.of(Document.model_validate(document)), "bench"
        )[0]

    def add(
        self,
        slots: int,
        *,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        application: str = "worker.app",
        program: Program = OURS,
    ) -> Unit:
        """One more worker. `prefix` precedes its command; `environment` is in addition to that of all."""
        own = {**self.environment, **(environment or {})}
        name = f"worker{len(self.units)}"
        unit = Unit(name, self.folder, own, slots, prefix=prefix, application=application, program=program)
        self.units.append(unit)
        return unit

    def start(self, seconds: float = 120.0) -> None:
        """Start the workers and wait until each has its configuration.

        Raises TimeoutError with the end of a log.
        """
        for unit in self.units:
            unit.start()
        for unit in self.units:
            if not until(lambda unit=unit: unit.ready, seconds):  # type: ignore[misc]
                raise TimeoutError(f"{unit.name} does not start:\n{unit.log.read_text(errors='replace')[-2000:]}")

    def submit(self, submissions: Iterable[Submission]) -> list[UUID]:
        """Confirm answers as a web tier does, in lots; the ids of their checks in the same order."""
        ids: list[UUID] = []
        waiting = iter(submissions)
        while lot := list(islice(waiting, _CHUNK)):
            with self.service.database.begin() as connection:
                ids += [check.id for check in self.client.submit_many(connection, lot)]
            self.committed_at = time.time()
            self.client.ring()
        return ids

    def verdicts(self) -> list[Verdict]:
        """All that are committed, of participants whose ids end with an index. Needs `track_commit_timestamp`."""
        with self.service.database.begin() as connection:
            rows = connection.execute(text(_VERDICTS)).all()
        return [Verdict(int(row[0].removeprefix("p-")), row[1], row[2]) for row in rows]

    def unsettled(self, question: str | None = None) -> int:
        """How many checks, of one question or of all, have no verdict."""
        statement = "SELECT count(*) FROM jurat_checks WHERE state <> 'settled'"
        if question is None:
            return self.scalar(statement)
        return self.scalar(f"{statement} AND question = :question", question=question)

    def scalar(self, statement: str, **parameters: Any) -> int:
        """One number from the database."""
        return int(self.column(statement, **parameters)[0] or 0)

    def column(self, statement: str, **parameters: Any) -> list[Any]:
        """One column of rows from the database."""
        with self.service.database.begin() as connection:
            return list(connection.execute(text(statement), parameters).scalars())
