"""One applied configuration, ready for work: its questions, its sources made, its zones loaded.

A plan never changes. A worker that takes a new configuration makes a new plan; look-ups under way end with the one they
began with, and every verdict names its version.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from adapters.address.zones import Zone, Zones
from adapters.base import Found, Query, Source, Unavailable, of_many
from adapters.catalogue import LacksKeys, SourceUnusable, Surroundings, build
from adapters.fingerprints import KEY_ID_LENGTH, Fingerprints
from config.configuration import Configuration, Question
from config.networks import IPNetwork
from config.secrets import SecretReference, resolve
from config.sources import SourceModel
from jurat.database import is_away
from store.datasets.address_bases import OpenRegister
from store.datasets.rosters import PeopleInForce
from store.queries import CodeRow, Reading, ZoneVersion
from tasks.rules.rate_limits import Breaker, Demand


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands in for a source that cannot be made here, so that its checks wait instead of failing for good."""

    why: str

    def look_up(self, query: Query) -> Found:
        """Says why there is no answer."""
        raise Unavailable(self.why)

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker needs to know to do a check. Sources that are `left_to_others` need keys that are not here: what
    waits for them is not claimed.
    """

    version: int
    configuration: Configuration
    sources: Mapping[str, Source]
    zones: Mapping[str, Zone]
    answer_schemas: Mapping[tuple[str, str], str]
    problems: tuple[str, ...] = field(default=())
    left_to_others: frozenset[str] = field(default=frozenset())

    def question(self, consultation: str, name: str) -> Question | None:
        """The question as configured, None when there is none."""
        return self.configuration.questions.get((consultation, name))

    def demand(self, source: str, free: int) -> Demand:
        """What this worker can take of a source when it has `free` slots for it."""
        return _demand(source, self.configuration.sources[source], free)

    def at_once(self, source: str) -> int | None:
        """How many checks one look-up of a source may ask for; None is any number."""
        model = self.configuration.sources.get(source)
        if model is None or (model.together == 1 and of_many(self.sources[source])):
            return None
        return model.together

    def close(self) -> None:
        """Give back what the sources hold."""
        for source in self.sources.values():
            source.close()


class Purse(Protocol):
    """Pays for requests that no claim has paid."""

    def pay_for_request(self, demand: Demand, longest: float, *, unless_stopped: bool = False) -> float | None:
        """As `store.Keeping.pay_for_request`."""
        ...


def make_plan(
    version: int,
    configuration: Configuration,
    reading: Reading,
    fingerprints: Fingerprints | None,
    environ: Mapping[str, str] | None = None,
    ready: Zones | None = None,
    purse: Purse | None = None,
    private_networks: Sequence[IPNetwork] = (),
) -> Plan:
    """The plan of a configuration. Sources that cannot be made here are named in `problems` and their checks wait.

    `ready` keeps zones from one plan to the next, so that only what changed is prepared anew. Without a `purse` no
    look-up sends more requests than its claim has paid. `private_networks` are where sources may be beside the public
    internet.
    """
    ready = ready or Zones()
    surroundings = Surroundings(
        codes=_StoredCodes(reading),
        fingerprints=fingerprints,
        secret=_resolving(os.environ if environ is None else environ),
        loopback_http=configuration.environment == "test",
        registers=_StoredRegisters(reading),
        people=StoredPeople(reading),
        private_networks=tuple(private_networks),
    )
    sources: dict[str, Source] = {}
    problems: list[str] = []
    left: set[str] = set()
    unheard = _unheard_of(configuration, reading, fingerprints)
    for name, model in configuration.sources.items():
        try:
            if unheard and getattr(model, "one_person", False):
                raise LacksKeys(f"source {name} cannot be used: {unheard}")
            another = partial(_pay, purse, _demand(name, model, 1)) if purse else None
            sources[name] = build(name, model, replace(surroundings, another=another))
        except SourceUnusable as error:
            sources[name] = Unusable(str(error))
            problems.append(str(error))
            if isinstance(error, LacksKeys):
                left.add(name)
    wanted = {question.zone for question in configuration.questions.values() if question.zone}
    in_force = reading.zone_versions(wanted) if wanted else {}
    zones: dict[str, Zone] = {}
    for name, zone in in_force.items():
        try:
            zones[name] = ready.get(name, zone.version, zone.digest, partial(_geometry, reading, zone))
        except ValueError as error:
            problems.append(str(error))
    problems += [
        f"zone {name} is not imported, or not in force yet; run `bin/jurat zones import FILE`"
        for name in sorted(wanted - set(in_force))
    ]
    schemas = {key: json.dumps(question.answer_schema) for key, question in configuration.questions.items()}
    return Plan(version, configuration, sources, zones, schemas, tuple(problems), frozenset(left))


def _unheard_of(configuration: Configuration, reading: Reading, fingerprints: Fingerprints | None) -> str:
    """What stands in the way of seeing whose number is whose: they were hashed with keys that are not here."""
    if fingerprints is None or not any(getattr(model, "one_person", False) for model in configuration.sources.values()):
        return ""
    missing = sorted(reading.claim_keys(KEY_ID_LENGTH) - set(fingerprints.key_ids))
    if not missing:
        return ""
    return f"numbers that participants have used were hashed with a key that JURAT_HASH_KEYS lacks ({missing[0]})"


def _demand(name: str, model: SourceModel, free: int) -> Demand:
    return Demand(
        name,
        free * model.together,
        concurrency=model.concurrency,
        interval=model.interval,
        burst=model.look_ups_at_once,
        late=model.late,
        daily=None if model.daily is None else model.daily // model.requests,
        hours=None if model.hours is None else model.hours.parsed,
        breaker=Breaker(model.breaker.failures, model.breaker.probe),
        batch=model.together,
    )


def _pay(purse: Purse, demand: Demand, longest: float) -> float | None:
    with _outage():
        return purse.pay_for_request(demand, longest, unless_stopped=True)


def _geometry(reading: Reading, zone: ZoneVersion) -> bytes:
    """The WKB of a version of a zone, read for itself alone: most zones of a new plan are ready already."""
    row = reading.zone(zone.name, zone.version)
    if row is None:
        raise ValueError(f"the zone {zone.name!r} has no version {zone.version} any more; import it again")
    return row.geometry


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


@dataclass(frozen=True, slots=True)
class _StoredRegisters:
    """The address bases in the database. One that is away is an outage here as well, also in the midst of a search."""

    reading: Reading

    @contextmanager
    def open(self, name: str) -> Iterator[OpenRegister | None]:
        with _outage(), self.reading.register(name) as base:
            yield base


@dataclass(frozen=True, slots=True)
class StoredPeople:
    """The lists of people in the database."""

    reading: Reading

    def people(self, register: str, numbers: Sequence[bytes]) -> PeopleInForce | None:
        with _outage():
            return self.reading.people(register, numbers)


@contextmanager
def _outage() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        if not is_away(error):
            raise
        raise Unavailable("the database did not answer") from None


def _resolving(environ: Mapping[str, str]) -> Callable[[SecretReference], str]:
    return lambda reference: resolve(reference, environ, Path.cwd())
