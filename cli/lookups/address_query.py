"""Looks one address up for an administrator. It writes nothing but what the lookup costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from shapely import MultiPolygon, Polygon

from adapters.address.address_lists import AddressList, is_list
from adapters.address.borders import polygon_of
from adapters.address.explanation import Reading, explain_reading
from adapters.address.parsed_address import read_answer
from adapters.address.zones import Zone, read_zone
from adapters.base import Place, Places, Query, SourceError
from cli.database import require_unseal
from cli.diagnosis.applied_sources import pay_for_lookup
from cli.output import Exit, Failure
from config.configuration import Question
from config.levels import Level
from config.limits import SourceKind
from config.sources import answer_schema
from config.suggestions import suggest
from jurat.answers import validate
from jurat.vocabulary import Reason
from store.queries import ZoneRow
from store.requests.reviews import SealedReviews
from tasks.plan import Plan
from tasks.rules.areas import decide_area
from tasks.rules.candidates import as_meant
from tasks.rules.margins import margins_of
from tasks.rules.residence import Residence, decide_residence
from worker.service import Service


@dataclass(frozen=True, slots=True)
class Sighting:
    """One candidate of a geocoder, and what the rule makes of it.

    `inside` is None if the border crosses it, `distance` is metres to the border. `margin` is the metres by which its
    position may be wrong (None: its level never decides); if the deciding address has several positions, at least the
    margin that all of them together were decided with. `counts`: it may be what is meant. `deciding`: its distance
    decides. `reason` is the rule's reason if there were no other candidate. A `listed` one was looked up in a list of
    addresses, where `inside` is None if it may be there in another spelling.
    """

    place: Place
    inside: bool | None
    distance: float
    margin: float | None
    reason: Reason
    counts: bool
    deciding: bool
    listed: bool = False


@dataclass(frozen=True, slots=True)
class AnsweredAddress:
    """An address and a source's answer. `margins` are those of the criterion, in metres by level. With `name_zone`, one
    of many zones has to hold the address.
    """

    source: str
    answer: Mapping[str, Any] = field(repr=False)
    places: Places = field(repr=False)
    margins: Mapping[Level, float] = field(default_factory=dict)
    language: str = "fr"
    name_zone: bool = False

    def residence(self, zone: Zone) -> Residence:
        """What the rule decides from all candidates together."""
        return decide_area(
            self.answer, self.places, zone, self.margins, name_zone=self.name_zone, language=self.language
        )

    def reading(self) -> Reading:
        """How the answer was read."""
        asked = as_meant(read_answer(self.answer, self.language), self.places, self.language)[0]
        return explain_reading(self.answer, asked, self.places, self.language)

    def sightings(self, zone: Zone) -> list[Sighting]:
        """Each candidate, in the source's order."""
        if isinstance(zone, AddressList):
            return [self._listed(place, zone) for place in self.places.places]
        whole = self._decide(self.places, zone).evidence
        margins = margins_of(self.places.provider, self.margins)
        found: list[Sighting] = []
        alike: list[Sighting] = []
        near: list[Sighting] = []
        for place in self.places.places:
            alone = self._decide(replace(self.places, places=(place,)), zone)
            counts = all("margin" in evidence["rules"] for evidence in (whole, alone.evidence))
            inside, distance = (
                zone.locate_box(place.extent) if place.extent else zone.locate(place.longitude, place.latitude)
            )
            found.append(
                Sighting(place, inside, distance, margins.get(place.level), alone.reason, counts, deciding=False)
            )
            if counts and _same(whole, alone.evidence, "level", "name_similarity", "score"):
                alike.append(found[-1])
            if counts and _same(whole, alone.evidence, "distance_m"):
                near.append(found[-1])
        # The likeliest address decides, by its position that is nearest to the border in relation to its margin.
        positions = ([each for each in near if _address(each) == _address(best)] for best in alike)
        own = next(filter(None, positions), None)
        if own is None:
            return found
        deciding = min(own, key=lambda each: each.distance - (each.margin or 0.0))
        return [
            replace(each, margin=max(each.margin, whole["margin_m"]), deciding=each is deciding)
            if each.margin is not None and _address(each) == _address(deciding)
            else each
            for each in found
        ]

    def _listed(self, place: Place, zone: AddressList) -> Sighting:
        alone = self._decide(replace(self.places, places=(place,)), zone)
        counts = "listed" in alone.evidence["rules"]
        return Sighting(place, zone.holds(place), 0.0, None, alone.reason, counts, deciding=False, listed=True)

    def _decide(self, places: Places, zone: Zone) -> Residence:
        return decide_residence(self.answer, places, zone, self.margins, language=self.language)


def _same(whole: Mapping[str, Any], alone: Mapping[str, Any], *names: str) -> bool:
    """Whether a candidate alone has the figures that decided for all of them together."""
    return all(whole.get(name) == alone.get(name) for name in names)


def _address(sighting: Sighting) -> tuple[str | None, ...]:
    place = sighting.place
    return place.number, place.street, place.town, place.city_code


def look_up(
    service: Service, plan: Plan, answer: Mapping[str, Any], *, source: str | None, question: Question | None
) -> AnsweredAddress:
    """Ask a source for an address: `source`, else the first address source of `question`, else the only one.

    It counts for the source's rate and day as any lookup does.

    Raises Failure: the source has no addresses, may not be asked now, or gave no answer; or it is not clear which to
    ask. jurat.InvalidAnswer: the address lacks a field that the source needs.
    """
    name = _choose_source(plan, source, question)
    model = plan.configuration.sources[name]
    validate(answer, json.dumps(answer_schema(model)))
    pay_for_lookup(service, plan, name)
    try:
        found = plan.sources[name].look_up(Query(answer, {}, model.timeout))
    except SourceError as error:
        raise Failure(f"the source {name} gave no answer ({error.reason}): {error.detail}", Exit.DEPENDENCY) from None
    if not isinstance(found, Places):
        raise Failure(f"the source {name} does not look up addresses; name another with --source", Exit.USAGE)
    margins = {Level(level): metres for level, metres in question.margins.items()} if question else {}
    name_zone = question is not None and question.name_zone
    return AnsweredAddress(name, answer, found, margins, getattr(model, "language", "fr"), name_zone)


def _choose_source(plan: Plan, source: str | None, question: Question | None) -> str:
    known = _address_sources(plan)
    if source is not None:
        if source not in known:
            raise Failure(f"there is no address source '{source}' — {suggest(source, known)}", Exit.USAGE)
        return source
    own = [name for name in question.sources if name in known] if question else []
    asked = own[:1] or known
    if not asked:
        raise Failure("the applied configuration has no address source; add one, and apply it", Exit.USAGE)
    if len(asked) > 1:
        raise Failure(
            f"there are several address sources, {', '.join(sorted(asked))}; choose one with --source", Exit.USAGE
        )
    return asked[0]


def _address_sources(plan: Plan) -> list[str]:
    return [name for name, model in plan.configuration.sources.items() if model.kind is SourceKind.ADDRESS]


def zone_row(service: Service, name: str, version: int | None = None) -> ZoneRow:
    """A version of a zone as it is stored, by default the one in force. Raises Failure if there is none."""
    row = service.queries.zones([name]).get(name) if version is None else service.queries.zone(name, version)
    if row is not None:
        return row
    history = service.queries.zone_history(name)
    if not history:
        known = {each.name for each in service.queries.zone_history()}
        raise Failure(f"there is no zone '{name}' — {suggest(name, known)}", Exit.USAGE)
    versions = ", ".join(str(each.version) for each in history)
    if version is None:
        raise Failure(f"no version of the zone {name} is in force now; it has {versions}", Exit.USAGE)
    raise Failure(f"the zone {name} has no version {version}; it has {versions}", Exit.USAGE)


def two_versions(service: Service, name: str, before: int | None, after: int | None) -> tuple[ZoneRow, ZoneRow]:
    """Two versions of a zone, by default the newest and the one before it. Raises Failure if one is missing."""
    versions = sorted(each.version for each in service.queries.zone_history(name))
    new = zone_row(service, name, after or next(reversed(versions), None))
    earlier = [version for version in versions if version < new.version]
    if before is None and not earlier:
        raise Failure(f"the zone {name} has no version before {new.version} to compare with", Exit.USAGE)
    return zone_row(service, name, before or earlier[-1]), new


def zone_of(row: ZoneRow) -> Zone:
    """The stored zone, ready for use. Raises Failure if it is damaged."""
    if not is_list(row.geometry):
        geometry_of(row.name, row.geometry)
    try:
        return read_zone(row.name, row.version, row.geometry, row.digest)
    except ValueError as error:
        raise Failure(str(error), Exit.DEPENDENCY) from None


def geometry_of(zone: str, wkb: bytes) -> Polygon | MultiPolygon:
    """The stored geometry of a zone, in degrees. Raises Failure if it is damaged."""
    try:
        geometry = polygon_of(wkb)
        if not geometry.is_valid:
            raise ValueError("crosses itself")
    except ValueError as error:
        raise Failure(
            f"the stored geometry of the zone {zone} {error}; import the zone again", Exit.DEPENDENCY
        ) from None
    return geometry


def question_of(plan: Plan, zone: str | None) -> Question | None:
    """The first question about a zone, whose criterion has the sources and the margins; None without one."""
    return next((each for each in plan.configuration.questions.values() if zone and each.is_about(zone)), None)


def asked_by(plan: Plan, name: str) -> tuple[Question, Zone]:
    """The question `CONSULTATION/QUESTION`, and its zone or its zones as one. Raises Failure if it has none."""
    known = {"/".join(key): each for key, each in plan.configuration.questions.items() if each.zone or each.zones}
    if name not in known:
        raise Failure(f"there is no question '{name}' about zones — {suggest(name, known)}", Exit.USAGE)
    area = plan.area(known[name])
    if area is None:
        raise Failure(f"zones of {name} are not in force or damaged; see `bin/jurat zones list`", Exit.USAGE)
    return known[name], area


def answer_in_review(
    service: Service, plan: Plan, check: UUID, zone: str, who: str
) -> tuple[dict[str, Any], Question, str | None]:
    """The answer of a check in review, in clear; its question; and the address source that was asked last, if any.

    Opening it is audited. Raises Failure, Unopenable or CannotBeDone: no key opens it here, it is not in review, or is
    not about this zone.
    """
    unseal = require_unseal(service.settings)
    try:
        found = SealedReviews(service.database).answer(check, who)
        question = plan.question(found.consultation, found.question)
        if question is None or not question.is_about(zone):
            asked = (question.zone, *question.zones) if question else ()
            names = [name for name in asked if name]
            about = f"the zone {', '.join(names[:3])}: show that one" if names else "no zone"
            raise Failure(f"check {check} is about {about}", Exit.USAGE)
        answer: dict[str, Any] = json.loads(unseal.open(found.sealed, found.key_id))
    except (ValueError, RecursionError):
        raise Failure(f"the answer of check {check} cannot be read", Exit.REFUSED) from None
    return answer, question, found.source if found.source in _address_sources(plan) else None
