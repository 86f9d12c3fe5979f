"""Workers that run on a database of their own, and the platform that submits to them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

from bench.faults.source import FAMILY, GIVEN, description, number_of
from bench.faults.stage import until
from bench.faults.supervisor import Unit
from bench.flow.source import Sources
from bench.speed.rig import Rig, plain
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import Client, Priority, Submission
from jurat.database import parse_url
from jurat.seal import generate, key_to_text
from store.schema import migrations
from worker.bootstrap import open_service

CONSULTATIONS = ("crowd", "village")
"""Each asks one question of every source, which has the source's name."""

_CHUNK = 5000
_GIVEN_BACK = r'"checks": (\d+), "event": "given back"'
_VERDICTS = """
    SELECT c.participant, v.outcome, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))
    FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check ended with, and when that was committed, by the wall clock."""

    outcome: str
    at: float


class Fleet:
    """Everything that one scenario needs: `units` are the workers, `sources` the registers that they ask."""

    def __init__(
        self, rig: Rig, sources: Sources, client: Client, database_url: str, seal_key: str, units: Sequence[Unit]
    ) -> None:
        self.rig = rig
        self.sources = sources
        self.units = units
        self.database_url = database_url
        self.seal_key = seal_key
        self.submitted_at: dict[str, float] = {}
        """By number: when its submit was committed, by the wall clock."""
        self._client = client
        self._engine = create_engine(parse_url(database_url))
        self._database = psycopg.connect(plain(database_url), autocommit=True)
        self._index = count()

    def close(self) -> None:
        """Give back what this holds; the workers are ended by who started them."""
        self._database.close()
        self._engine.dispose()

    def submit(
        self,
        source: str,
        checks: int = 1,
        *,
        consultation: str = CONSULTATIONS[0],
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[str]:
        """Have so many checks looked up at a source; their numbers. Returns after the commit and its bell."""
        numbers = [number_of(next(self._index)) for _ in range(checks)]
        for begin in range(0, checks, _CHUNK):
            chunk = numbers[begin : begin + _CHUNK]
            with self._engine.begin() as connection:
                self._client.submit_many(connection, [_submission(consultation, source, n, priority) for n in chunk])
            self.submitted_at |= dict.fromkeys(chunk, time.time())
            self._client.ring()
        return numbers

    def verdicts(self) -> dict[str, Verdict]:
        """By number, all that are committed."""
        rows = self._database.execute(_VERDICTS).fetchall()
        return {row[0].removeprefix("p-"): Verdict(row[1], float(row[2])) for row in rows}

    def number(self, statement: str) -> float | None:
        """One number from the database."""
        row = self._database.execute(statement).fetchone()
        return None if row is None or row[0] is None else float(row[0])

    def given_back(self) -> int:
        """How many look-ups were not begun, most of them because their start was missed."""
        told = (re.findall(_GIVEN_BACK, unit.log.read_text(errors="replace")) for unit in self.units)
        return sum(int(checks) for lines in told for checks in lines)

    def unsettled(self, source: str) -> int:
        """How many checks of a source have no verdict."""
        return int(
            self.number(f"SELECT count(*) FROM jurat_checks WHERE question = '{source}' AND state <> 'settled'") or 0
        )

    def drained(self, source: str, seconds: float) -> bool:
        """Wait until all checks of a source are settled; whether that came within so many seconds."""
        end = time.monotonic() + seconds
        while self.unsettled(source):
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True


def _submission(consultation: str, source: str, number: str, priority: Priority) -> Submission:
    answer = {"number": number, "family_name": FAMILY, "given_name": GIVEN}
    return Submission(consultation, f"p-{number}", source, answer, priority=priority)


@contextmanager
def running(
    rig: Rig,
    limits: Mapping[str, Mapping[str, Any]],
    *,
    workers: int,
    slots: int,
    prefixes: Sequence[Sequence[str]] = (),
) -> Iterator[Fleet]:
    """A fleet whose sources have these limits, from its workers' start to their end.

    `prefixes` stand before the commands of the first workers. Raises TimeoutError when a worker does not start.
    """
    with ExitStack() as stack:
        url = stack.enter_context(rig.database())
        sources = stack.enter_context(Sources())
        private, public = generate()
        keys = {"JURAT_UNSEAL_KEYS": key_to_text(private), "JURAT_HASH_KEYS": key_to_text(os.urandom(32))}
        _set_up(url, keys, _document(sources, limits))
        environment = {**keys, "JURAT_DATABASE_URL": url, "JURAT_BROKER_URL": rig.valkey.url}
        environment["JURAT_PRIVATE_NETWORKS"] = "127.0.0.1"
        client = Client(None, rig.valkey.url, key_to_text(public))
        stack.callback(client.close)
        units = []
        for number in range(workers):
            prefix = prefixes[number] if number < len(prefixes) else ()
            unit = Unit(f"{url.rpartition('/')[2]}-worker{number}", rig.folder, environment, slots, prefix=prefix)
            unit.start()
            stack.callback(unit.kill)
            units.append(unit)
        for unit in units:
            if not until(lambda unit=unit: unit.ready, 120):  # type: ignore[misc]
                raise TimeoutError(f"{unit.name} does not start:\n{unit.log.read_text(errors='replace')[-2000:]}")
        fleet = Fleet(rig, sources, client, url, key_to_text(public), units)
        stack.callback(fleet.close)
        yield fleet


def _set_up(url: str, keys: Mapping[str, str], document: Mapping[str, Any]) -> None:
    settings = {name[6:].lower(): value for name, value in keys.items()}
    service = open_service(Settings.model_validate({**settings, "database_url": url, "broker_url": "none"}))
    try:
        migrations.upgrade(service.database)
        service.publisher.apply(Configuration.of(Document.model_validate(document)), "bench")
    finally:
        service.close()


def _document(sources: Sources, limits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    questions = {name: {"criterion": f"is-{name}", "deadline": "1d"} for name in limits}
    return {
        "environment": "test",
        "sources": {name: description(sources.url(name), **limit) for name, limit in limits.items()},
        "criteria": {f"is-{name}": {"source": name} for name in limits},
        "consultations": {name: {"questions": questions} for name in CONSULTATIONS},
    }


def ahead_clock() -> tuple[str, ...]:
    """What stands before the command of a worker whose wall clock is 2 h ahead; empty without faketime."""
    library = next(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
    # Not the command `faketime`: it stays as a parent, and takes the signals that are meant for the worker.
    return ("env", f"LD_PRELOAD={library}", "FAKETIME=+2h", "DONT_FAKE_MONOTONIC=1") if library else ()
