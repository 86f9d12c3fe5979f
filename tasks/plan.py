"""One applied configuration, ready for work: its questions, its sources made, its zones loaded.

A plan never changes. A worker that takes a new configuration makes a new plan; look-ups under way end with the one they
began with, and every verdict names its version.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy.exc import InterfaceError, OperationalError

from adapters.address.zones import Zone, Zones
from adapters.base import Found, Query, Source, Unavailable
from adapters.catalogue import SourceUnusable, Surroundings, build
from adapters.fingerprints import KEY_ID_LENGTH, Fingerprints
from config.configuration import Configuration, Question
from config.secrets import SecretReference, resolve
from config.sources import SourceModel
from tasks.flow import Breaker, Demand
from tasks.ledger import CodeRow, Reading


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands in for a source that can not be made here, so that its checks wait instead of failing for good."""

    why: str

    def look_up(self, query: Query) -> Found:
        """Says why there is no answer."""
        raise Unavailable(self.why)

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker needs to know to do a check."""

    version: int
    configuration: Configuration
    sources: Mapping[str, Source]
    zones: Mapping[str, Zone]
    answer_schemas: Mapping[tuple[str, str], str]
    problems: tuple[str, ...] = field(default=())

    def question(self, consultation: str, name: str) -> Question | None:
        """The question as configured, None when there is none."""
        return self.configuration.questions.get((consultation, name))

    def demand(self, source: str, free: int) -> Demand:
        """What this worker can take of a source when it has `free` slots for it."""
        model: SourceModel = self.configuration.sources[source]
        return Demand(
            source,
            free,
            concurrency=model.concurrency,
            interval=model.interval,
            burst=model.look_ups_at_once,
            late=model.late,
            daily=None if model.daily is None else model.daily // model.requests,
            hours=None if model.hours is None else model.hours.parsed,
            breaker=Breaker(model.breaker.failures, model.breaker.probe),
        )

    def close(self) -> None:
        """Give back what the sources hold."""
        for source in self.sources.values():
            source.close()


def make_plan(
    version: int,
    configuration: Configuration,
    reading: Reading,
    fingerprints: Fingerprints | None,
    environ: Mapping[str, str] | None = None,
    ready: Zones | None = None,
) -> Plan:
    """The plan of a configuration. Sources that can not be made here are named in `problems` and their checks wait.

    `ready` keeps zones from one plan to the next, so that only what changed is prepared anew.
    """
    ready = ready or Zones()
    surroundings = Surroundings(
        codes=_StoredCodes(reading),
        fingerprints=fingerprints,
        secret=_resolving(os.environ if environ is None else environ),
        loopback_http=configuration.environment == "test",
    )
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for name, model in configuration.sources.items():
        try:
            sources[name] = build(name, model, surroundings)
        except SourceUnusable as error:
            sources[name] = Unusable(str(error))
            problems.append(str(error))
    wanted = {question.zone for question in configuration.questions.values() if question.zone}
    rows = reading.zones(wanted) if wanted else {}
    zones: dict[str, Zone] = {}
    for name, row in rows.items():
        try:
            zones[name] = ready.get(row.name, row.version, row.digest, partial(bytes, row.geometry))
        except ValueError as error:
            problems.append(str(error))
    problems += [
        f"zone {name} is not imported; run `bin/jurat zones import FILE`" for name in sorted(wanted - set(rows))
    ]
    schemas = {key: json.dumps(question.answer_schema) for key, question in configuration.questions.items()}
    return Plan(version, configuration, sources, zones, schemas, tuple(problems))


@dataclass(frozen=True, slots=True)
class _StoredCodes:
    """The lists of codes in the database. One that is away is an outage of the source, as any other."""

    reading: Reading

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, CodeRow]:
        with _outage():
            return self.reading.codes(code_list, fingerprints)

    def key_ids(self, code_list: str) -> set[str]:
        with _outage():
            return self.reading.code_keys(code_list, KEY_ID_LENGTH)


@contextmanager
def _outage() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError):
        raise Unavailable("the database did not answer") from None


def _resolving(environ: Mapping[str, str]) -> Callable[[SecretReference], str]:
    return lambda reference: resolve(reference, environ, Path.cwd())
