"""The address rule: whether what a geocoder found shows that the participant lives inside or outside of a zone. Pure.

A geocoder always answers something, and orders by a score that says how it sorts, not whether it is right. So only a
house that carries the number, the postcode and the name that were asked for decides, and only beyond the margin in
which its position may be wrong. Why each rule is as it is: docs/addresses.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from adapters.address.answer import Asked, read_answer, same_number
from adapters.address.matching import THRESHOLD, same_city, similarity
from adapters.address.zones import Zone
from adapters.base import Finding, Level, Place, Places
from jurat.words import Outcome, Reason

DEFAULT_MARGIN_M: Mapping[Level, float] = MappingProxyType({Level.HOUSENUMBER: 20.0, Level.INTERPOLATED: 150.0})
"""Metres from the border within which a position says nothing: the 95 % error of parcel points, and of points laid
along a street (Cayo and Talbot 2003). No margin makes the point of a street or a town say anything."""

SCORE_FLOOR: Mapping[str, float] = MappingProxyType({"addok": 0.5})
"""The least score of a provider, by type of source; one that is not listed has no score worth asking for."""


class Side(StrEnum):
    """Where a position is, once its margin is taken into account."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    BORDER = "border"


@dataclass(frozen=True, slots=True)
class _Candidate:
    place: Place
    name: float
    postcode: bool
    city: bool
    number: bool


@dataclass(frozen=True, slots=True)
class _Position:
    side: Side
    distance: float
    margin: float


def decide_residence(
    answer: Mapping[str, Any],
    places: Places,
    zone: Zone,
    margin: Mapping[Level, float] = MappingProxyType({}),
    score_floor: float | None = None,
    language: str = "fr",
) -> Finding:
    """Whether the address in `answer` lies in `zone`, by the candidates `places`.

    `margin` overrides `DEFAULT_MARGIN_M` level by level, in metres; levels without any margin never decide.
    `score_floor` overrides the provider's. The finding is accepted (`inside_zone`), refused (`outside_zone`) or
    undetermined with the first rule that did not hold. Its evidence names neither the address nor its position.
    """
    asked = read_answer(answer, language)
    margins = {**DEFAULT_MARGIN_M, **margin}
    evidence: dict[str, Any] = {
        "provider": places.provider,
        "data_date": places.data_date.isoformat() if places.data_date else None,
        "zone": zone.name,
        "zone_version": zone.version,
        "zone_digest": zone.digest,
        "candidates": len(places.places),
    }

    def undetermined(reason: Reason) -> Finding:
        return Finding(Outcome.UNDETERMINED, reason, evidence, places.data_date)

    if asked.contradictory:
        return undetermined(Reason.AMBIGUOUS_ADDRESS)
    candidates = [_compared(asked, place, language) for place in places.places]
    meant = _meant(candidates)
    if not meant:
        return undetermined(_why_none(candidates))
    houses = [candidate for candidate in meant if candidate.number and candidate.place.level in margins]
    best = max(houses or meant, key=lambda candidate: (candidate.name, candidate.place.score or 0.0))
    others = [
        candidate.place.score for candidate in candidates if candidate is not best and candidate.place.score is not None
    ]
    evidence |= {
        "level": str(best.place.level),
        # Two digits: the whole of a score would be as good as the address to somebody who asks for every address.
        "score": _rounded(best.place.score),
        "next_score": _rounded(max(others, default=None)),
        "name_similarity": _rounded(best.name),
        "rules": {"postcode": True, "name": True, "number": bool(houses)},
    }
    if asked.number is None:
        return undetermined(Reason.STREET_LEVEL)
    if not houses or best.name < max(candidate.name for candidate in meant):
        evidence["rules"]["number"] = False
        return undetermined(Reason.HOUSE_NUMBER_NOT_FOUND)
    floor = SCORE_FLOOR.get(places.provider) if score_floor is None else score_floor
    evidence["rules"]["score"] = floor is None or (best.place.score is not None and best.place.score >= floor)
    if not evidence["rules"]["score"]:
        return undetermined(Reason.SCORE_TOO_LOW)
    positions = [
        _position(candidate.place, zone, margins) for candidate in (best, *(h for h in houses if h is not best))
    ]
    own = positions[0]
    evidence |= {"margin_m": own.margin, "distance_m": _coarse(own), "houses": len(positions)}
    evidence["rules"] |= {"margin": own.side is not Side.BORDER, "agreed": len({each.side for each in positions}) == 1}
    match own.side:
        case Side.BORDER:
            return undetermined(Reason.NEAR_BORDER)
        case _ if not evidence["rules"]["agreed"]:
            return undetermined(Reason.AMBIGUOUS_ADDRESS)
        case Side.INSIDE:
            return Finding(Outcome.ACCEPTED, Reason.INSIDE_ZONE, evidence, places.data_date)
        case _:
            return Finding(Outcome.REFUSED, Reason.OUTSIDE_ZONE, evidence, places.data_date)


def _compared(asked: Asked, place: Place, language: str) -> _Candidate:
    """How `place` compares with what was asked for. A town that one of both does not name is no difference."""
    return _Candidate(
        place=place,
        name=similarity(asked.street, place.street, language) if place.street else 0.0,
        postcode=bool(asked.postcode) and asked.postcode == place.postcode,
        city=not (asked.city and place.city) or same_city(asked.city, place.city, language),
        number=asked.number is not None and same_number(asked.number, place.number, language),
    )


def _meant(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The candidates that may be what was meant. A name that is written exactly so leaves no room for similar ones: not
    where the postcode is another one either, for then it is the postcode that is wrong and not the name.
    """
    alike = [each for each in candidates if each.name >= THRESHOLD]
    exact = [each for each in alike if each.name == 1.0]
    return [each for each in exact or alike if each.postcode and each.city]


def _why_none(candidates: Sequence[_Candidate]) -> Reason:
    if not candidates:
        return Reason.ADDRESS_NOT_FOUND
    if any(each.name >= THRESHOLD for each in candidates):
        return Reason.POSTCODE_DIFFERS
    if all(each.place.street is None for each in candidates):
        return Reason.LOCALITY_LEVEL
    return Reason.STREET_DIFFERS


def _position(place: Place, zone: Zone, margins: Mapping[Level, float]) -> _Position:
    inside, distance = zone.locate(place.longitude, place.latitude)
    margin = margins[place.level]
    if distance < margin or distance == 0:
        return _Position(Side.BORDER, distance if inside else -distance, margin)
    return _Position(Side.INSIDE, distance, margin) if inside else _Position(Side.OUTSIDE, -distance, margin)


def _coarse(position: _Position) -> int:
    """Metres to the border, negative outside, rounded towards it: too coarse to find a house by."""
    metres = abs(position.distance)
    step = 5 if metres < 100 else 50 if metres < 1000 else 500
    return int((-1 if position.distance < 0 else 1) * (metres // step) * step)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
