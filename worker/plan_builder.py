"""Builds the plan of a configuration: its sources with the stores that they read, and its zones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from adapters.address.zone_unions import AreaCache
from adapters.address.zones import Zone
from adapters.base import Source
from adapters.catalogue import LacksKeys, SourceContext, SourceUnusable, build
from adapters.fingerprints import Fingerprints
from adapters.shadow import ShadowSource, shadowed
from config.configuration import Configuration
from config.logger import get_logger
from config.names import MOST_ZONES, named
from config.networks import IPNetwork
from config.secrets import resolve
from store.lookups import StoredCodes, StoredDatasets, StoredRosters, outage
from store.queries import Queries, ZoneVersion
from store.queue.sources import Sources
from tasks.plan import Plan, Unusable, demand_of
from tasks.rules.source_limits import Demand

log = get_logger("jurat.sources")


def make_plan(
    version: int,
    configuration: Configuration,
    queries: Queries,
    fingerprints: Fingerprints | None,
    environ: Mapping[str, str] | None = None,
    ready: AreaCache | None = None,
    purse: Sources | None = None,
    private_networks: Sequence[IPNetwork] = (),
) -> Plan:
    """The plan of a configuration. Sources that cannot be made here are named in `problems` and their checks wait.

    `ready` keeps zones from one plan to the next, so that only changed ones are prepared again. A `purse` pays for
    requests that no claim has paid; without one, no lookup sends more. Sources may be in `private_networks` and on the
    public internet.
    """
    ready = ready or AreaCache()
    context = SourceContext(
        codes=StoredCodes(queries),
        fingerprints=fingerprints,
        secret=partial(resolve, environ=os.environ if environ is None else environ, base_dir=Path.cwd()),
        loopback_http=configuration.environment == "test",
        datasets=StoredDatasets(queries),
        rosters=StoredRosters(queries),
        private_networks=tuple(private_networks),
    )
    sources: dict[str, Source] = {}
    problems: list[str] = []
    left: set[str] = set()
    lacking = _lacking_key(configuration, queries, fingerprints)
    for name, model in configuration.sources.items():
        try:
            if lacking and getattr(model, "one_person", False):
                raise LacksKeys(f"source {name} cannot be used: {lacking}")
            pay = partial(_pay, purse, demand_of(name, model, 1)) if purse else None
            another = pay and partial(pay, unless_stopped=True)
            note = partial(_note_drift, purse, name) if purse else None
            sources[name] = build(name, model, replace(context, another=another, needed=pay, note_drift=note))
        except SourceUnusable as error:
            sources[name] = Unusable(str(error))
            problems.append(str(error))
            if isinstance(error, LacksKeys):
                left.add(name)
    if purse:
        sources |= _shadowed(configuration, sources, purse)
    wanted = {question.zone for question in configuration.questions.values() if question.zone}
    several = {question.zones for question in configuration.questions.values() if question.zones}
    imported = queries.zone_versions(None if several else wanted) if wanted or several else {}
    zones, unprepared = _zones(wanted, queries, imported, ready)
    problems += unprepared
    unions, unjoined = _unions(several, queries, imported, ready)
    problems += unjoined
    schemas = {key: json.dumps(question.answer_schema) for key, question in configuration.questions.items()}
    return Plan(version, configuration, sources, zones, schemas, tuple(problems), frozenset(left), unions=unions)


def _zones(
    wanted: Iterable[str], queries: Queries, imported: Mapping[str, ZoneVersion], ready: AreaCache
) -> tuple[dict[str, Zone], list[str]]:
    """The zones of questions about one zone, each where it is in force; and what is wrong."""
    zones: dict[str, Zone] = {}
    problems: list[str] = []
    for name in sorted(wanted):
        zone = imported.get(name)
        if zone is None:
            problems.append(f"zone {name} is not imported, or not in force yet; run `bin/jurat zones import FILE`")
            continue
        try:
            zones[name] = ready.get(name, zone.version, zone.digest, partial(_geometry, queries, zone))
        except ValueError as error:
            problems.append(str(error))
    return zones, problems


def _unions(
    several: Iterable[tuple[str, ...]], queries: Queries, imported: Mapping[str, ZoneVersion], ready: AreaCache
) -> tuple[dict[tuple[str, ...], Zone], list[str]]:
    """The areas of questions about several zones, each where all of its zones are there; and what is wrong."""
    unions: dict[tuple[str, ...], Zone] = {}
    problems: list[str] = []
    for zones in sorted(several):
        parts = [imported[name] for name in named(imported, zones)]
        missing = [each for each in zones if not named(imported, [each])]
        if missing:
            problems.append(
                f"zones {', '.join(missing)} are not imported, or not in force yet; run `bin/jurat zones import FILE`"
            )
        elif len(parts) > MOST_ZONES:
            problems.append(f"{', '.join(zones)} are {len(parts)} zones; one question has at most {MOST_ZONES}")
        else:
            load = {(part.name, part.version, part.digest): partial(_geometry, queries, part) for part in parts}
            try:
                unions[zones] = ready.union(load)
            except ValueError as error:
                problems.append(str(error))
    return unions, problems


def _shadowed(configuration: Configuration, sources: Mapping[str, Source], purse: Sources) -> dict[str, Source]:
    """The sources that have a shadow, each with it, where both can be used."""
    found = {}
    for name, model in configuration.sources.items():
        chosen = getattr(model, "shadow", None)
        if chosen is None or any(isinstance(sources[each], Unusable) for each in (name, chosen.source)):
            continue
        new = configuration.sources[chosen.source]
        found[name] = shadowed(
            sources[name],
            ShadowSource(
                sources[chosen.source],
                chosen.share,
                timeout=new.timeout,
                another=partial(_pay, purse, demand_of(chosen.source, new, 1)),
                note=partial(_note_shadow, purse, chosen.source),
            ),
        )
    return found


def _lacking_key(configuration: Configuration, queries: Queries, fingerprints: Fingerprints | None) -> str:
    """Why numbers cannot be matched to earlier uses: they were hashed with a key that is not here; "" if they can."""
    if fingerprints is None or not any(getattr(model, "one_person", False) for model in configuration.sources.values()):
        return ""
    missing = sorted(queries.claim_keys().difference(fingerprints.known))
    if not missing:
        return ""
    return f"numbers that participants have used were hashed with a key that JURAT_HASH_KEYS lacks ({missing[0]})"


def _pay(purse: Sources, demand: Demand, longest: float, *, unless_stopped: bool = False) -> float | None:
    with outage():
        return purse.pay_for_request(demand, longest, unless_stopped=unless_stopped)


def _note_shadow(purse: Sources, shadow: str, decided: str, found: str) -> None:
    """Count a pair of verdicts. One more or less changes no report."""
    with suppress(SQLAlchemyError):
        purse.count_shadow(shadow, decided, found)


def _note_drift(purse: Sources, name: str, drift: str) -> None:
    """Note it for people to see. Of all workers, one finds that it is news. No lookup fails for it."""
    with suppress(SQLAlchemyError):
        if not purse.note_drift(name, drift):
            return
        if drift:
            log.warning("answers differ from the tests", source=name, drift=drift)
        else:
            log.info("answers as in the tests", source=name)


def _geometry(queries: Queries, zone: ZoneVersion) -> bytes:
    """The WKB of one version of a zone. It is read alone, because most zones of a new plan are ready already."""
    row = queries.zone(zone.name, zone.version)
    if row is None:
        raise ValueError(f"the zone {zone.name!r} has no version {zone.version} any more; import it again")
    return row.geometry
