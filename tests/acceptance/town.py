"""An invented town with everything real between its web tier and its sources: database, broker, workers, HTTP."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from adapters.zone_import.files import read_zone_file
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from examples.sources import Sources
from jurat import Client, Submission
from jurat.codes import clean, generate
from jurat.seal import generate as generate_keys
from jurat.seal import key_to_text
from store.configurations.publisher import ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.requests.code_lists import add_codes
from tests.adapters.registry import described
from tests.rigs.workers import Worker
from worker.bootstrap import engine_on
from worker.service import open_service

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "an administrator"

INSIDE = {"number": "6", "street": "rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
PHYSICIAN = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
SUSPENDED = {"number": "9000010745", "family_name": "Corvec", "given_name": "Tugdual"}

PATIENCE = 100.0
"""Seconds for what a quick machine does at once: only what never comes is told from what comes late."""


def soon(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether `condition` comes to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return bool(condition())
        time.sleep(0.02)
    return True


class Town:
    """The administrators' and the platform's side. Workers are made with `worker(…)`."""

    def __init__(self, database_url: str, broker_url: str, sources: Sources) -> None:
        private, public = generate_keys()
        self.sources = sources
        self.environment: Mapping[str, str] = {
            "JURAT_DATABASE_URL": database_url,
            "JURAT_BROKER_URL": broker_url,
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
            "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
        }
        settings = {name.removeprefix("JURAT_").lower(): value for name, value in self.environment.items()}
        self.service = open_service(Settings.model_validate(settings))
        self.seal_key = key_to_text(public)
        self.client = Client(database_url, None if broker_url == "none" else broker_url, self.seal_key)
        self.document = self._document()
        zones = read_zone_file(ROOT / "examples" / "town" / "zones.geojson").zones
        import_zones(
            self.service.database,
            [NewZone(zone.id, zone.title, zone.digest, zone.wkb, outline=zone.outline) for zone in zones],
            ADMIN,
        )
        self.apply(self.document)
        self._workers: list[Worker] = []

    def _document(self) -> dict[str, Any]:
        def registry(mood: str, timeout: str = "1500ms") -> dict[str, Any]:
            # Many play the same physician here.
            return {**described.at(self.sources.url(mood, "registry")), "timeout": timeout, "one_person": False}

        return {
            "environment": "test",
            "sources": {
                "geocoder": {"type": "addok", "url": self.sources.url("ok", "geocoder")},
                "registry": registry("ok"),
                "hanging": registry("time-out"),
                "stuck": registry("slow-headers", "60s"),
                "spring": {"type": "codes", "list": "spring"},
            },
            "criteria": {
                "lives-in": {"source": "geocoder", "zone": "old-town"},
                "is-physician": {"source": "registry"},
                "is-physician-they-say": {"source": "hanging"},
                "is-physician-at-last": {"source": "stuck"},
                "has-code": {"source": "spring"},
            },
            "consultations": {
                "budget": {
                    "questions": {
                        "residence": {"criterion": "lives-in"},
                        "profession": {"criterion": "is-physician"},
                        "code": {"criterion": "has-code", "rounds": 3},
                        "honour": {"criterion": "is-physician-they-say"},
                        "patience": {"criterion": "is-physician-at-last"},
                    },
                    "access": {"all_of": ["residence", {"any_of": ["profession", "code"]}]},
                }
            },
        }

    def apply(self, document: Mapping[str, Any]) -> int:
        configuration = Configuration.of(Document.model_validate(deepcopy(dict(document))))
        return ConfigPublisher(self.service.database).apply(configuration, ADMIN)[0]

    def codes(self, count: int) -> list[str]:
        """New access codes of the list."""
        fingerprints = self.service.fingerprints
        assert fingerprints is not None
        codes = [generate() for _ in range(count)]
        add_codes(
            self.service.database, "spring", [fingerprints.newest("spring", clean(code) or "") for code in codes], ADMIN
        )
        return codes

    def worker(self, *options: str, **environment: str) -> Worker:
        """A worker that is not started. It ends with the town."""
        self._workers.append(Worker({**self.environment, **environment}, *options))
        return self._workers[-1]

    @contextmanager
    def engine(self, slots: int = 4) -> Iterator[None]:
        """A worker's engine in this process, for where Celery and a process of its own show nothing more."""
        engine = engine_on(self.service, slots=slots)
        engine.start()
        try:
            yield
        finally:
            assert engine.stop(PATIENCE)

    def submit(
        self, participant: str, question: str, answer: Mapping[str, Any], *, ring: bool = True, **options: Any
    ) -> UUID:
        """Confirm one answer as a web tier does."""
        who: dict[str, Any] = {"consultation": "budget", "participant": participant, "question": question}
        with self.service.database.begin() as connection:
            check = self.client.submit(connection, **who, answer=answer, **options)
        if ring:
            self.client.ring()
        return check.id

    def submit_all(self, participant: str, **answers: Mapping[str, Any]) -> list[UUID]:
        """Confirm several answers of a participant at once: one by one, an early verdict could end another question."""
        rows = [Submission("budget", participant, question, answer) for question, answer in answers.items()]
        with self.service.database.begin() as connection:
            checks = self.client.submit_many(connection, rows)
        self.client.ring()
        return [check.id for check in checks]

    def submit_many(self, count: int, question: str, answer: Mapping[str, Any], prefix: str = "p") -> list[UUID]:
        """Confirm the same answer of many participants."""
        rows = [Submission("budget", f"{prefix}-{n}", question, answer) for n in range(count)]
        with self.service.database.begin() as connection:
            checks = self.client.submit_many(connection, rows)
        self.client.ring()
        return [check.id for check in checks]

    def verdict(self, check: UUID) -> tuple[str | None, str | None]:
        """Outcome and reason, waited for."""
        result = self.client.wait(check, timeout=PATIENCE)
        return result.outcome, result.reason

    def seconds_to_verdict(self, participant: str, question: str, answer: Mapping[str, Any], *, ring: bool) -> float:
        """How long one participant waits."""
        begun = time.monotonic()
        check = self.submit(participant, question, answer, ring=ring)
        while not self.client.result(check).settled:
            time.sleep(0.002)
        return time.monotonic() - begun

    def hears_bells(self, question: str, answer: Mapping[str, Any], prefix: str) -> bool:
        """Whether checks get their verdicts sooner by their bells than by a worker's own look at the database.

        Each follows on the claim of the one before, so without a bell it waits for a whole second, and with one for
        what a look-up takes. Both are measured side by side, and again where the machine was busy with other things.
        """
        for measured in range(8):
            rung, alone = (
                [self.seconds_to_verdict(f"{prefix}-{measured}-{n}", question, answer, ring=n < 5) for n in numbers]
                for numbers in (range(5), range(5, 7))
            )
            if statistics.median(rung) < 0.6 * min(alone):
                return True
        return False

    def states(self) -> Counter[str]:
        """How many checks are in each state."""
        return Counter(dict(self.sql("SELECT state, count(*) FROM jurat_checks GROUP BY state")))

    def verdicts_a_check(self, checks: Sequence[UUID]) -> Counter[int]:
        """How many of `checks` have so many verdicts."""
        found: Counter[str] = Counter(str(row[0]) for row in self.sql("SELECT check_id FROM jurat_verdicts"))
        return Counter(found[str(check)] for check in checks)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with self.service.database.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def leases_run_out(self) -> None:
        """As if the time of every lease had gone by."""
        if self.service.database.dialect.name == "postgresql":
            self.sql("UPDATE jurat_checks SET lease_until = now() - interval '1 second' WHERE state = 'leased'")
        else:
            self.sql("UPDATE jurat_checks SET lease_until = '2000-01-01 00:00:00.000' WHERE state = 'leased'")

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self.client.close()
        self.service.close()
